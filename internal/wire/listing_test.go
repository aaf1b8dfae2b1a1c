package wire

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAListingIsBounded(t *testing.T) {
	bounds := func(c *Config) { c.ListEntries, c.ListBytes = 100, 200<<10 }
	for _, c := range []struct {
		name    string
		command string
		text    string
		want    string // "" = it is read to its end
	}{
		{"as many entries as may be", "LIST", strings.Repeat("a\r\n", 100), ""},
		{"an entry too many", "LIST", strings.Repeat("a\r\n", 101), "more than 100 entries: raise Config.MaxListEntries"},
		{"an empty entry too many", "NLST /x", strings.Repeat("\n", 101), "more than 100 entries"},
		{"as many bytes as may be", "MLSD", strings.Repeat(strings.Repeat("x", 50<<10-1)+"\n", 4), ""},
		{"a byte too many", "MLSD", strings.Repeat(strings.Repeat("x", 50<<10-1)+"\n", 4) + "x", "longer than 204800 bytes: raise Config.MaxListBytes"},
		{"a line as long as may be", "NLST", "a\n" + strings.Repeat("x", maxLine-1) + "\n" + strings.Repeat("x", maxLine-1), ""},
		{"a line that is too long", "NLST", "a\n" + strings.Repeat("x", maxLine) + "\nb\n", "line of more than 64 KiB"},
		{"a line that does not end", "LIST -a /x", strings.Repeat("x", 1<<20), "line of more than 64 KiB"},
		{"a file of as many lines as it likes", "RETR a", strings.Repeat("\n", 300<<10), ""},
		{"a file that is called as a listing is", "RETR LIST", strings.Repeat("\n", 300<<10), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{1 << 10, 1 << 20} {
				synctest.Test(t, func(t *testing.T) {
					p := greet(t, bounds)
					defer p.over()
					d := p.transfer()
					p.answers("150 Here it comes.\r\n")
					_, err := p.control.Write([]byte(c.command + "\r\n"))
					require.NoError(t, err)
					_, err = p.read()
					require.NoError(t, err)
					go func() {
						_, _ = io.CopyBuffer(struct{ io.Writer }{p.data}, struct{ io.Reader }{strings.NewReader(c.text)}, make([]byte, piece))
						_ = p.data.Close()
					}()
					var got bytes.Buffer
					start := time.Now()
					_, err = d.WriteTo(&got)
					if c.want == "" {
						require.NoError(t, err)
						assert.Equal(t, len(c.text), got.Len())
						return
					}
					var caller *CallerError
					require.ErrorAs(t, err, &caller, "another attempt would meet the same")
					require.ErrorContains(t, caller, c.want)
					assert.False(t, p.InStep())
					assert.Nil(t, p.Data())
					_, err = p.read()
					require.ErrorIs(t, err, errGivenUp)
					assert.Zero(t, time.Since(start), "a reply is awaited that may never come")
				})
			}
		})
	}
}

func TestMLSDShowsLinksByTheTypesOfTheServersSystem(t *testing.T) {
	text := "type=file;size=3; a\r\nTYPE=OS.UNIX=slink:/x;size=1; b c\r\nsize=1;type=OS.unix=symlink;modify=20260102030405; type=os.unix=slink\r\n" +
		"type=dir; type=os.unix=slink: d\r\ntype=OS.unix=slink:;size=1; e\ntype=OS.unix=slink:; not ended"
	for piece := 1; piece <= len(text); piece++ {
		var l links
		for rest := []byte(text); len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			l.take(rest[:min(piece, len(rest))])
		}
		assert.Equal(t, []string{"b c", "type=os.unix=slink", "e"}, l.names, "in pieces of %d bytes", piece)
	}
}
