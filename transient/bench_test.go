package transient_test

import (
	"errors"
	"net/textproto"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	. "github.com/ftpretry/ftpretry/transient"
)

var common = map[string]Failure{
	"a busy file":  {Command: "STOR", Path: "in/a.csv", Err: &textproto.Error{Code: 450, Msg: "Requested file action not taken."}},
	"a full house": {Err: &textproto.Error{Code: 421, Msg: "Too many users"}},
	"a cut":        {Command: "RETR", Path: "in/a.csv", Err: errors.Join(syscall.ECONNRESET, &textproto.Error{Code: 426, Msg: "Failure writing network stream."})},
}

func BenchmarkClassify(b *testing.B) {
	for name, f := range common {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Classify(f)
			}
		})
	}
}

func TestACommonReplyIsClassifiedWithFewAllocations(t *testing.T) {
	for name, f := range common {
		t.Run(name, func(t *testing.T) {
			assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { Classify(f) }), 6.0)
		})
	}
}
