package retry_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// TestAnAppendIsNotGuessedOnceSomebodyElseHasChangedTheFile changes the file
// between two attempts of an append that was cut.
func TestAnAppendIsNotGuessedOnceSomebodyElseHasChangedTheFile(t *testing.T) {
	old, added := strings.Repeat("o", 1000), strings.Repeat("n", 50_000)
	cut := func(nth int, at int64) retrytest.Fault {
		return retrytest.Fault{On: "APPE", Nth: nth, Data: retrytest.FIN, At: at, Reply: "426 Cut."}
	}
	for says, test := range map[string]struct {
		faults []retrytest.Fault
		later  string // what the file is before the last attempt
		why    string
	}{
		"it is shorter than before":                     {[]retrytest.Fault{cut(1, 500)}, old[:10], "somebody else changed it"},
		"it holds more than was ever sent":              {[]retrytest.Fault{cut(1, 500)}, old + strings.Repeat("x", 60_000), "somebody else changed it"},
		"it ends in what was not sent":                  {[]retrytest.Fault{cut(1, 500)}, old + strings.Repeat("x", 300), "do not end as what was sent"},
		"it has lost a part of what was known to be in": {[]retrytest.Fault{cut(1, 500), cut(1, 500)}, old + added[:400], "shrank"},
	} {
		t.Run(says, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, test.faults...)
			srv.WriteFile("/f", []byte(old))
			waits := 0
			cl := client(t, srv, meanwhile(func() {
				if waits++; waits == len(test.faults) {
					srv.WriteFile("/f", []byte(test.later))
				}
			}))
			err := cl.Append(t.Context(), "/f", retry.Bytes([]byte(added)))
			require.ErrorIs(t, err, retry.ErrOutcomeUnknown)
			assert.ErrorContains(t, err, test.why)
			holds(t, srv, "/f", test.later)
		})
	}
}

// A 226 that is not true is no reason to append again what is there already.
func TestAnAppendThatWasFalselyCalledCompleteIsContinued(t *testing.T) {
	srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "APPE", Data: retrytest.FIN, At: 3, Reply: "226 Done."})
	srv.WriteFile("/f", []byte("old,"))
	require.NoError(t, client(t, srv).Append(t.Context(), "/f", retry.Bytes([]byte("new and more"))))
	holds(t, srv, "/f", "old,new and more")
}

// What is longer by more than was appended was changed by somebody else, or the
// same was appended twice.
func TestAnAppendAfterWhichTheFileIsTooLongIsNotCalledDone(t *testing.T) {
	srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "SIZE", Nth: 2, Times: -1, Reply: "213 15"})
	srv.WriteFile("/f", []byte("old,"))
	err := client(t, srv).Append(t.Context(), "/f", retry.Bytes([]byte("new")))
	require.ErrorIs(t, err, retry.ErrOutcomeUnknown)
	holds(t, srv, "/f", "old,new")
}

// TestAFileThatIsLongerThanItsUploadIsNotCalledStored has what was there before
// show behind the upload, as servers do that do not truncate.
func TestAFileThatIsLongerThanItsUploadIsNotCalledStored(t *testing.T) {
	srv := memory(t, retrytest.Config{}, retrytest.Fault{On: "SIZE", After: true, Reply: "213 11"})
	require.NoError(t, client(t, srv).Stor(t.Context(), "/f", retry.Bytes([]byte("new"))))
	assert.Equal(t, 2, count(srv.Commands(), "STOR"), "it is sent again")
	holds(t, srv, "/f", "new")

	srv = memory(t, retrytest.Config{}, always("SIZE", "213 11"))
	err := client(t, srv).Stor(t.Context(), "/f", retry.Bytes([]byte("new")))
	require.ErrorIs(t, err, retry.ErrIncomplete)
}
