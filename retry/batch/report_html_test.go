package batch_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/batch"
)

func page(t *testing.T, r *batch.Report) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.WriteHTML(&b))
	return b.String()
}

func TestThePageEscapesWhatAServerMadeUp(t *testing.T) {
	t.Parallel()
	got := page(t, aReport())
	assert.NotContains(t, got, "<img")
	assert.Equal(t, 2, strings.Count(got, "<script"))
	assert.Equal(t, 2, strings.Count(got, "</script"))
	assert.NotContains(t, got, "\x1b")
	assert.NotContains(t, got, "\u202e")
	assert.NotContains(t, got, "\u2028")
	assert.Contains(t, got, `&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;\x1b[2J\r\n\u202e`, "and shows it")
}

func TestThePageRunsItsOwnScriptAndNothingElse(t *testing.T) {
	t.Parallel()
	got := page(t, aReport())
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(got)
	require.NotNil(t, policy)
	assert.Contains(t, policy[1], "default-src &#39;none&#39;")
	assert.NotContains(t, policy[1], "unsafe")
	for _, element := range []string{"style", "script"} {
		text := regexp.MustCompile(`(?s)<` + element + `>(.*?)</` + element + `>`).FindStringSubmatch(got)
		require.NotNil(t, text, element)
		sum := sha256.Sum256([]byte(text[1]))
		assert.Contains(t, strings.NewReplacer("&#43;", "+", "&#39;", "'").Replace(policy[1]),
			element+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	assert.NotRegexp(t, `(?i)\b(src|href)="?(https?:)?//`, got, "nothing is fetched")
	assert.NotRegexp(t, `(?i)<[^>]+ (on[a-z]+|style)=`, got, "which the policy would forbid")
}

func TestThePageHoldsTheTimelineAsData(t *testing.T) {
	t.Parallel()
	text := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindStringSubmatch(page(t, aReport()))
	require.NotNil(t, text)
	var got struct {
		Lanes   int
		Bars    []int64
		Names   []string
		Waits   []int64
		Outages []int64
		Reasons []string
	}
	require.NoError(t, json.Unmarshal([]byte(text[1]), &got))
	assert.Equal(t, 2, got.Lanes)
	assert.Equal(t, []int64{0, 0, 300e6, 10, 0, int64(batch.Done), 10, 1, 60e6, 120e6, 1, 0, int64(batch.Failed), 7}, got.Bars)
	assert.Equal(t, "/in/a.csv", got.Names[1])
	assert.Equal(t, []int64{1, 60e6, 90e6, 0}, got.Waits)
	assert.Equal(t, []int64{360e6, 480e6, 1}, got.Outages)
	assert.Len(t, got.Reasons, 2)
}

func TestThePageOfARunWithoutJobsHasNoScript(t *testing.T) {
	t.Parallel()
	got := page(t, &batch.Report{})
	assert.Contains(t, got, "There was nothing to do.")
	assert.NotContains(t, got, "<script")
}
