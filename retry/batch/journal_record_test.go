package batch

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAVersionReadBackIsTheOneWritten(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(0, 0)
	for _, v := range []version{
		{size: 0, time: noTime, goal: noTime},
		{size: 5, time: nanoseconds(epoch), goal: noTime},
		{size: math.MaxInt64, time: math.MaxInt64, goal: -1},
		versionOf(Job{Kind: Download, Size: 7, Time: epoch}, nil),
	} {
		text := v.encode()
		got, err := decodeVersion(text)
		require.NoError(t, err)
		assert.Equal(t, v, got)
		for n := range text {
			_, err := decodeVersion(text[:n])
			assert.Error(t, err)
		}
	}
	assert.Len(t, version{time: noTime, goal: noTime}.encode(), 1)
}

func TestAJobOfAnotherVersionIsNotDone(t *testing.T) {
	t.Parallel()
	done := version{size: 5, time: 100, goal: 200}
	for told, c := range map[string]struct {
		now  version
		want bool
	}{
		"the same":                                  {done, true},
		"another size":                              {version{size: 6, time: 100, goal: 200}, false},
		"another time":                              {version{size: 5, time: 101, goal: 200}, false},
		"another time at the goal":                  {version{size: 5, time: 100, goal: 201}, false},
		"none is known any more":                    {version{time: noTime, goal: noTime}, true},
		"an empty file of the same time":            {version{time: 100, goal: 200}, false},
		"an empty file, written to at another time": {version{time: 101, goal: noTime}, false},
	} {
		assert.Equal(t, c.want, done.covers(c.now), told)
	}
}

func TestEachJobHasAKeyOfItsOwnAndThoseOfADirectoryAreTogether(t *testing.T) {
	t.Parallel()
	a := Job{Kind: Upload, Remote: "/d/a", Local: "a"}
	assert.Equal(t, a.key(), Job{Kind: Upload, Remote: "/d/a", Local: "a", Size: 5, Time: time.Now()}.key())
	for _, other := range []Job{
		{Kind: Download, Remote: "/d/a", Local: "a"},
		{Kind: Upload, Remote: "/d/b", Local: "a"},
		{Kind: Upload, Remote: "/d/a", Local: "b"},
		{Kind: Upload, Remote: "/d/aa"},
		{Kind: Upload, Remote: "/d/a", To: "a"},
	} {
		assert.NotEqual(t, a.key(), other.key())
		assert.Equal(t, a.key()[:dirSize], other.key()[:dirSize])
	}
	assert.NotEqual(t, a.key()[:dirSize], Job{Kind: Upload, Remote: "/e/a"}.key()[:dirSize])
}
