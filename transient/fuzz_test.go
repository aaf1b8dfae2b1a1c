package transient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"syscall"
	"testing"
	"time"

	. "github.com/ftpretry/ftpretry/transient"
)

// shapes are the ways in which two errors become one.
var shapes = []func(a, b error) error{
	func(a, b error) error { return errors.Join(a, b) },
	func(a, b error) error { return errors.Join(b, a) },
	func(a, b error) error { return fmt.Errorf("first: %w, then: %w", a, fmt.Errorf("below: %w", b)) },
	func(a, b error) error {
		return fmt.Errorf("x: %w", errors.Join(io.EOF, errors.Join(b, syscall.EPIPE), a))
	},
	func(a, b error) error { return asBeside{a, b} },
}

// asBeside hands one error out by As and the other by Unwrap.
type asBeside struct{ hidden, below error }

func (asBeside) Error() string        { return "two in one" }
func (e asBeside) Unwrap() error      { return e.below }
func (e asBeside) As(target any) bool { return errors.As(e.hidden, target) }

var fuzzSigns = []error{nil, io.EOF, syscall.ECONNRESET, context.Canceled, errors.New("boom"), textproto.ProtocolError("short response")}

// FuzzClassify holds the classifier to its law: a permanent reply added to a
// failure, anywhere in it, never makes it transient. Nor does a failure that
// holds one ever replay.
func FuzzClassify(f *testing.F) {
	for i, text := range []string{
		"Too many users", "too many users.txt: No such file", "Login incorrect, try again later", "No such file",
		"Service ready in 5 minutes", "try again in 99999999999999999999 hours and 59 minutes", "Restart not permitted, try again",
		"Quota exceeded", "No space left on device", "line one\nline two: /a b/c: \"d\"", "\xff\xfe in 5 \x00 minutes", "",
	} {
		for j, code := range []int{0, 120, 226, 421, 426, 450, 452, 500, 530, 550, 552, 999} {
			f.Add(code, text, 400+i*17, "File busy", "STOR", "in/too many users.txt", uint8(i+j), uint8(j))
		}
	}
	f.Fuzz(func(t *testing.T, code1 int, text1 string, code2 int, text2, command, path string, shape, sign uint8) {
		a := &textproto.Error{Code: code1, Msg: text1}
		b := &textproto.Error{Code: code2, Msg: text2}
		failure := func(err error) Failure { return Failure{Command: command, Path: path, Err: err} }

		var err error = a
		if s := fuzzSigns[int(sign)%len(fuzzSigns)]; s != nil {
			err = errors.Join(s, a)
		}
		added := Classify(failure(b))
		both := Classify(failure(shapes[int(shape)%len(shapes)](err, b)))
		if added.Class == Permanent && both.Class != Permanent {
			t.Errorf("%d %q is permanent, with %d %q beside it %s: %s", code2, text2, code1, text1, both.Class, both.Rule)
		}
		for _, v := range []Verdict{Classify(failure(err)), added, both} {
			switch {
			case v.Rule == "":
				t.Errorf("%s without a rule", v.Class)
			case v.Wait < 0 || v.Wait > time.Hour:
				t.Errorf("a wait of %s", v.Wait)
			case v.Wait > 0 && !v.Transient():
				t.Errorf("%s with a wait of %s", v.Class, v.Wait)
			case v.Class < Unknown || v.Class > Network:
				t.Errorf("class %d", v.Class)
			case v.Reply != nil && v.Reply != a && v.Reply != b:
				t.Errorf("a reply from nowhere: %v", v.Reply)
			}
		}
		if RestartRefused(failure(a)) && Classify(failure(a)).Class != Permanent {
			t.Errorf("%d %q refuses REST and is not permanent", code1, text1)
		}
	})
}
