package leak

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ran stands for a package's tests.
type ran int

func (r ran) Run() int { return int(r) }

func TestAGoroutineThatIsLeftFailsTheTests(t *testing.T) {
	assert.Equal(t, 2, Run(ran(2)), "the tests' own failure is what is told")
	assert.Equal(t, 0, Run(ran(0)))

	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { <-stop; close(ended) }()
	left := wait(0)
	require.Len(t, left, 1)
	assert.Contains(t, left[0], "TestAGoroutineThatIsLeftFailsTheTests")
	close(stop)
	<-ended
	assert.Empty(t, wait(patience))
}
