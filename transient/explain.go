package transient

import (
	"io"
	"strings"
)

// Explain writes the whole table of [Classify] for people: first the rules for
// replies, then what is decided without one. In each part the first line that
// fits decides. The error is the writer's.
func Explain(w io.Writer) error {
	rows := [][]string{{"CODE", "COMMAND", "CLASS", "TEXT", "REASON"}}
	for i := range defaults {
		rows = append(rows, defaults[i].rows()...)
	}
	rows = append(rows, []string{}, []string{"ERROR", "", "CLASS", "", "REASON"})
	for _, list := range [][]symptom{faults, signs} {
		for i := range list {
			rows = append(rows, []string{list[i].what, "", list[i].class.String(), "", list[i].reason})
		}
	}
	_, err := io.WriteString(w, align(rows))
	return err
}

// rows shows one rule, with a line for each of its texts.
func (c *compiled) rows() [][]string {
	command := strings.Join(c.verbs, ",")
	if command == "" {
		command = "any"
	}
	head := []string{c.codes(), command, c.Class.String(), "", c.Reason}
	rows := [][]string{head}
	for i := range c.texts {
		if i == 0 {
			head[3] = c.texts[i].shown
			continue
		}
		rows = append(rows, []string{"", "", "", c.texts[i].shown})
	}
	return rows
}

// align sets the cells in columns two blanks apart, without blanks at the end
// of a line.
func align(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-len(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}
