package faultlist_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/internal/faultlist"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestEveryFaultHasANameOfItsOwnAndDoesHarm(t *testing.T) {
	names := map[string]bool{}
	for _, e := range append(append(faultlist.Command(), faultlist.Data(0)...), faultlist.Data(7)...) {
		assert.False(t, names[e.String()], "%s: twice", e)
		names[e.String()] = true
		assert.NotZero(t, e.Name)
		f := e.Fault
		assert.True(t, f.Reply != "" || f.Lose || f.Stall || f.StallData || f.Control != retrytest.Keep || f.Push != "", "%s: harmless", e)
		assert.Empty(t, f.On, "%s: whoever injects it says where", e)
	}
	assert.Contains(t, names, "data stalled at byte 7")
}
