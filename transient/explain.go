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
	for i := 0; i < len(defaults); {
		codes, next := defaults[i].codes(), i+1
		for ; next < len(defaults) && sameButCode(defaults[i].Rule, defaults[next].Rule); next++ {
			codes += "," + defaults[next].codes()
		}
		rows = append(rows, defaults[i].rows(codes)...)
		i = next
	}
	rest := [][]string{{"ERROR", "CLASS", "REASON"}}
	for _, list := range [][]symptom{faults, signs} {
		for i := range list {
			rest = append(rest, []string{list[i].what, list[i].class.String(), list[i].reason})
		}
	}
	_, err := io.WriteString(w, align(rows)+"\n"+align(rest))
	return err
}

// sameButCode reports whether two rules say the same of other codes. Such
// neighbors are one line.
func sameButCode(a, b Rule) bool {
	a.Code, a.To = b.Code, b.To
	return a == b
}

// rows shows one rule, with a line for each of its texts.
func (c *compiled) rows(codes string) [][]string {
	command := strings.Join(c.verbs, ",")
	if command == "" {
		command = "any"
	}
	head := []string{codes, command, c.Class.String(), "", c.Reason}
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
