package transient_test

import (
	"errors"
	"fmt"
	"net/textproto"
	"os"
	"strings"
	"syscall"

	"github.com/ftpretry/ftpretry/transient"
)

// A failed upload leaves a broken pipe and a reply. The reply decides.
func ExampleClassify() {
	err := errors.Join(syscall.EPIPE, &textproto.Error{Code: 452, Msg: "No space left on device"})
	v := transient.Classify(transient.Failure{Command: "STOR", Path: "in/a.csv", Err: err})
	fmt.Println(v.Class, v.Transient(), v.Reply.Code)
	fmt.Println(v.Rule)
	// Output:
	// storage true 452
	// 452 with text "no space left": no space on the server for now
}

// The same code heals or does not, by what the server says.
func ExampleClassify_text() {
	for _, text := range []string{"Login incorrect.", "Sorry, too many users, try again in 2 minutes."} {
		v := transient.Classify(transient.Failure{Command: "PASS", Err: &textproto.Error{Code: 530, Msg: text}})
		fmt.Println(v.Class, v.Wait)
	}
	// Output:
	// permanent 0s
	// overload 2m0s
}

// A server of your own says things that no list knows.
func ExampleNew() {
	classifier := transient.New(
		transient.Rule{Code: 550, Text: "archive is closed*come back at", Class: transient.Busy, Reason: "the archive opens at six"},
		transient.Rule{Code: 450, Command: "DELE RMD", Class: transient.Permanent, Reason: "it never lets anything go"},
	)
	for _, f := range []transient.Failure{
		{Command: "RETR", Path: "a", Err: &textproto.Error{Code: 550, Msg: "The archive is closed. Come back at 06:00."}},
		{Command: "DELE", Path: "a", Err: &textproto.Error{Code: 450, Msg: "Can't delete file"}},
		{Command: "STOR", Path: "a", Err: &textproto.Error{Code: 450, Msg: "File busy"}},
	} {
		v := classifier.Classify(f)
		fmt.Printf("%s: %s\n", v.Class, v.Rule)
	}
	// Output:
	// busy: 550 with text "archive is closed*come back at": the archive opens at six
	// permanent: 450 to DELE: it never lets anything go
	// busy: 450 with text "file busy": the file is in use (IIS, proftpd)
}

func ExampleExplain() {
	var table strings.Builder
	if err := transient.Explain(&table); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	for line := range strings.Lines(table.String()) {
		if strings.HasPrefix(line, "452") || strings.HasPrefix(line, "426") || strings.HasPrefix(line, "end of connection") {
			fmt.Println(strings.Join(strings.Fields(line), " "))
		}
	}
	// Output:
	// 426 any datachannel the data connection was cut
	// 452 any storage no space on the server for now
	// end of connection network closed before the answer was complete
}

func ExampleRestartRefused() {
	f := transient.Failure{Command: "STOR", Path: "a.csv", Err: &textproto.Error{Code: 451, Msg: "a.csv: Append/Restart not permitted, try again"}}
	fmt.Println(transient.Classify(f).Class, transient.RestartRefused(f))
	// Output: permanent true
}

func ExampleRule_String() {
	fmt.Println(transient.Rule{Code: 550, Text: "in use", Class: transient.Busy, Reason: "another program has it open"})
	// Output: 550 "in use": busy (another program has it open)
}
