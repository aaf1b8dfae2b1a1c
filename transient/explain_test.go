package transient_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/ftpretry/ftpretry/transient"
)

func TestTheTableForPeople(t *testing.T) {
	var b strings.Builder
	require.NoError(t, Explain(&b))
	replies, rest, ok := strings.Cut(b.String(), "\n\n")
	require.True(t, ok, "two parts")

	t.Run("each class that a failure can have is in it", func(t *testing.T) {
		for c := Permanent; c <= Network; c++ {
			assert.Contains(t, b.String(), "  "+c.String()+"  ")
		}
	})
	for part, text := range map[string]string{"replies": replies, "errors": rest} {
		t.Run("the columns of the "+part+" are aligned", func(t *testing.T) {
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			head := lines[0]
			for _, title := range strings.Fields(head)[1:] {
				column := strings.Index(head, title)
				for _, line := range lines[1:] {
					if len(line) > column {
						assert.Equal(t, " ", line[column-1:column], "%s in %q", title, line)
					}
				}
			}
		})
		t.Run("each line of the "+part+" with a class has a reason", func(t *testing.T) {
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			reason, class := strings.Index(lines[0], "REASON"), strings.Index(lines[0], "CLASS")
			for _, line := range lines[1:] {
				if len(line) > class && line[class] != ' ' {
					assert.Greater(t, len(line), reason, line)
				}
			}
		})
	}
	t.Run("no line ends in blanks", func(t *testing.T) {
		for line := range strings.Lines(b.String()) {
			assert.Equal(t, strings.TrimRight(line, " \n")+"\n", line)
		}
	})
	t.Run("rules that differ in the code only are one line", func(t *testing.T) {
		assert.Equal(t, 1, strings.Count(b.String(), "  no space left  "))
		assert.Contains(t, b.String(), "425-426,450-452,550-559  ")
	})
	t.Run("it is ASCII", func(t *testing.T) {
		assert.NotRegexp(t, "[^\n -~]", b.String())
	})
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errNoSpace }

var errNoSpace = errors.New("no space")

func TestTheTableTellsOfAWriterThatFails(t *testing.T) {
	assert.ErrorIs(t, Explain(full{}), errNoSpace)
}
