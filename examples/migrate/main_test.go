package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestTheProgramFailsBeforeAndSurvivesAfter(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	text := out.String()
	require.Equal(t, len(faults)+1, strings.Count(text, "  before  FAILED:"), text)
	require.Equal(t, len(faults)+1, strings.Count(text, "  after   order sent, 2 files there, 16000 bytes of prices\n"), text)
}

func TestBothProgramsWorkWithoutFaults(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, attempt(t.Context(), &out, "before", before, nil))
	require.NoError(t, attempt(t.Context(), &out, "after", after, nil))
	require.Equal(t, 2, strings.Count(out.String(), "order sent, 2 files there, 16000 bytes of prices"))
}

func TestAServerThatNeverRecoversIsAFailure(t *testing.T) {
	var out bytes.Buffer
	err := attempt(t.Context(), &out, "after", after, []retrytest.Fault{{On: "STOR", Times: -1, Reply: "450 File busy."}})
	require.ErrorContains(t, err, "attempts exhausted")
}

func TestTheProgramsDifferInTheDialLineOnly(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	body := func(name string) []string {
		m := regexp.MustCompile(`(?ms)^func ` + name + `\([^\n]*\{\n(.*?)^\}`).FindSubmatch(source)
		require.NotNil(t, m, name)
		return strings.Split(string(m[1]), "\n")
	}
	a, b := body("before"), body("after")
	require.Equal(t, len(a), len(b))
	var differ []string
	for i := range a {
		if a[i] != b[i] {
			differ = append(differ, b[i])
		}
	}
	require.Len(t, differ, 1, differ)
	require.Contains(t, differ[0], "retry.Dial(")
}
