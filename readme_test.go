package ftpretry_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadmeCodeIsAnExampleThatRuns holds every piece of Go in the README
// against the example that the comment before it names, whose output is tested.
func TestReadmeCodeIsAnExampleThatRuns(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	pieces := regexp.MustCompile("(?s)<!-- (\\w+) in ([\\w/.]+) -->\n```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, pieces, strings.Count(string(readme), "```go"), "code without the name of its example")
	for _, p := range pieces {
		source, err := os.ReadFile(p[2])
		require.NoError(t, err)
		_, example, ok := strings.Cut(string(source), "func "+p[1]+"() {\n")
		require.True(t, ok, p[1])
		example, _, _ = strings.Cut(example, "\n}\n")
		require.Contains(t, example, "// Output:")
		for _, line := range strings.Split(strings.TrimRight(p[3], "\n"), "\n") {
			assert.Contains(t, example, "\t"+line, p[1])
		}
	}
}
