package main

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// The picture's measures, in pixels at its natural size.
const (
	square   = 18  // of one command and fault
	gap      = 7   // between groups of rows or columns
	labels   = 190 // width of the faults' names
	between  = 26  // between the two halves
	margin   = 20
	top      = 214 // above the first row: titles, legend, the commands' names
	fontList = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
)

// look is how an outcome is drawn: also in a letter, for whoever does not see
// the colours apart.
type look struct{ fill, ink, letter, meaning string }

var looks = [outcomes]look{
	unmet:        {"#eeeeee", "#999999", "", "never sends this command"},
	fine:         {"#cfe9d6", "#2d6a43", "", "ok"},
	failed:       {"#fdf0b5", "#6b5900", "f", "failed, honestly"},
	falseFailure: {"#f7c04a", "#4a3500", "e", "error, although done"},
	hang:         {"#5a5f9e", "#ffffff", "H", "hangs for ever"},
	duplicate:    {"#e07020", "#ffffff", "2", "appended twice"},
	falseSuccess: {"#b3122a", "#ffffff", "!", "\"success\", wrong bytes"},
}

// canvas collects the drawing.
type canvas struct{ strings.Builder }

func (c *canvas) p(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

// text draws one line; style holds further attributes.
func (c *canvas) text(x, y int, size int, style, s string) {
	c.p(`<text x="%d" y="%d" font-size="%d" %s>%s</text>`, x, y, size, style, html.EscapeString(s))
}

// svg is the picture: for the naive client and for ours, faults down, commands
// across, the colour of the worst that happened.
func (s score) svg() string {
	columns, rows := s.columns(), s.rows()
	side := columns[len(columns)-1].at + square
	height := top + rows[len(rows)-1].at + square + margin
	width := margin + labels + side + between + side + margin
	var c canvas
	c.p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="%s" role="img" aria-labelledby="t d">`,
		width, height, width, height, fontList)
	naive, own := s.total[s.clients[0]], s.total[s.clients[len(s.clients)-1]]
	c.p(`<title id="t">What one fault makes of an FTP job</title>`)
	c.p(`<desc id="d">Of %d faults: naive client: %s. ftpretry: %s.</desc>`, s.trials, summary(naive), summary(own))
	c.p(`<rect width="%d" height="%d" fill="#ffffff"/>`, width, height)
	c.text(margin, 36, 22, `font-weight="bold" fill="#222222"`, "What one fault makes of an FTP job")
	c.text(margin, 58, 13, `fill="#555555"`, fmt.Sprintf(
		"%d faults, one at a time, each against both clients. A square: one fault (left) at one command (top), the worst over all jobs and offsets.", s.trials))
	s.legend(&c, margin, 82)
	left := margin + labels
	for _, r := range rows {
		c.text(left-8, top+r.at+13, 12, `text-anchor="end" fill="#333333"`, r.name)
	}
	s.half(&c, left, s.clients[0], "naive: jlaffaye/ftp in backoff.Retry", columns, rows)
	s.half(&c, left+side+between, s.clients[len(s.clients)-1], "ftpretry, default settings", columns, rows)
	c.p(`</svg>`)
	return c.String()
}

// half draws the squares of one client.
func (s score) half(c *canvas, left int, client, title string, columns, rows []line) {
	total := s.total[client]
	verdict, ink := summary(total), looks[falseSuccess].fill
	if verdict == "all ok" {
		verdict, ink = "0 false successes, 0 duplicates, 0 hangs, 0 false failures", looks[fine].ink
	}
	c.text(left, 122, 15, `font-weight="bold" fill="#222222"`, title)
	c.text(left, 142, 12, fmt.Sprintf(`font-weight="bold" fill="%s"`, ink), verdict)
	for _, col := range columns {
		x, y := left+col.at+square/2+4, top-6
		c.text(x, y, 11, fmt.Sprintf(`fill="#333333" transform="rotate(-90 %d %d)"`, x, y), strings.ToUpper(col.name))
	}
	for _, row := range rows {
		for _, col := range columns {
			at, possible := s.cells[client][[2]string{col.name, row.name}]
			if !possible {
				continue
			}
			l := looks[at.worst]
			told := fmt.Sprintf("%s, %s: %s", col.name, row.name, at.worst)
			if at.worst > fine {
				told += fmt.Sprintf(" in %d of %d", at.bad, at.of)
			}
			c.p(`<g><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="2" fill="%s"/>`,
				html.EscapeString(told), left+col.at, top+row.at, square-2, square-2, l.fill)
			if l.letter != "" {
				c.text(left+col.at+square/2-1, top+row.at+12, 11,
					fmt.Sprintf(`font-weight="bold" text-anchor="middle" fill="%s"`, l.ink), l.letter)
			}
			c.p(`</g>`)
		}
	}
}

// legend draws what the colours mean, of those that are in the picture.
func (s score) legend(c *canvas, x, y int) {
	seen := map[outcome]bool{}
	for _, client := range []string{s.clients[0], s.clients[len(s.clients)-1]} {
		for _, at := range s.cells[client] {
			seen[at.worst] = true
		}
	}
	for _, o := range shown {
		if !seen[o] {
			continue
		}
		l := looks[o]
		c.p(`<rect x="%d" y="%d" width="%d" height="%d" rx="2" fill="%s"/>`, x, y-12, square-2, square-2, l.fill)
		if l.letter != "" {
			c.text(x+square/2-1, y, 11, fmt.Sprintf(`font-weight="bold" text-anchor="middle" fill="%s"`, l.ink), l.letter)
		}
		c.text(x+square+4, y, 12, `fill="#333333"`, l.meaning)
		x += square + 4 + 6*len(l.meaning) + 20
	}
}

// line is a row or a column and where it begins.
type line struct {
	name string
	at   int
}

// lines places names one after the other, with a gap before those in apart.
func lines(names []string, apart ...string) []line {
	var out []line
	at := 0
	for _, name := range names {
		if slices.Contains(apart, name) && at > 0 {
			at += gap
		}
		out = append(out, line{name, at})
		at += square
	}
	return out
}

// columns are the commands: logging in, files, names, leaving.
func (s score) columns() []line { return lines(s.commands, "EPSV", "DELE", "QUIT") }

// rows are the faults, by what is left of the command.
func (s score) rows() []line {
	return lines(faultNames(), "closed before it ran", "ran, never answered", "data cut by FIN, 426", "data cut by RST, 426")
}
