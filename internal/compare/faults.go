package main

import (
	"slices"
	"strings"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// fault is one thing that goes wrong with one command, under the name that it
// has in the report.
type fault struct {
	name string
	what retrytest.Fault
}

// commandFaults are what can go wrong with any command. They are the ones of
// TestEveryFaultAtEveryStep.
func commandFaults() []fault {
	const fin, rst = retrytest.FIN, retrytest.RST
	return []fault{
		{"refused by 421, then closed", retrytest.Fault{Reply: "421 Service not available.", Control: fin}},
		{"refused by 425", retrytest.Fault{Reply: "425 No data connection."}},
		{"refused by 426", retrytest.Fault{Reply: "426 Cut."}},
		{"refused by 431", retrytest.Fault{Reply: "431 No security."}},
		{"refused by 450", retrytest.Fault{Reply: "450 Busy."}},
		{"refused by 451", retrytest.Fault{Reply: "451 Local error."}},
		{"refused by 452", retrytest.Fault{Reply: "452 No space."}},
		{"refused by an odd 200", retrytest.Fault{Reply: "200 Whatever."}},
		{"closed before it ran", retrytest.Fault{Lose: true, Control: fin}},
		{"reset before it ran", retrytest.Fault{Lose: true, Control: rst}},
		{"never answered, never ran", retrytest.Fault{Stall: true}},
		{"ran, never answered", retrytest.Fault{After: true, Stall: true}},
		{"ran, closed without a reply", retrytest.Fault{After: true, Lose: true, Control: fin}},
		{"ran, reset without a reply", retrytest.Fault{After: true, Lose: true, Control: rst}},
		{"ran, answered 451", retrytest.Fault{After: true, Reply: "451 Local error."}},
		{"ran, answered, closed", retrytest.Fault{After: true, Control: fin}},
		{"ran, answered, 421 pushed", retrytest.Fault{After: true, Push: "421 Timeout.", Control: fin}},
		{"ran, one reply too many", retrytest.Fault{After: true, Reply: "226 Extra.", Also: true}},
	}
}

// dataFaults are what can go wrong with a data connection after at bytes.
func dataFaults(at int64) []fault {
	var faults []fault
	for _, by := range []struct {
		name string
		cut  retrytest.Cut
	}{{"FIN", retrytest.FIN}, {"RST", retrytest.RST}} {
		faults = append(faults,
			fault{"data cut by " + by.name + ", 426", retrytest.Fault{Data: by.cut, At: at, Reply: "426 Cut."}},
			fault{"data cut by " + by.name + ", 426 then 226", retrytest.Fault{Data: by.cut, At: at, Reply: "426 Cut.\n226 Done."}},
			fault{"data cut by " + by.name + ", but 226", retrytest.Fault{Data: by.cut, At: at, Reply: "226 Done."}},
			fault{"data cut by " + by.name + ", no reply", retrytest.Fault{Data: by.cut, At: at, Stall: true}},
			fault{"all cut by " + by.name, retrytest.Fault{Data: by.cut, At: at, Lose: true, Control: by.cut}},
		)
	}
	return append(faults, fault{"data stalled", retrytest.Fault{StallData: true, At: at}})
}

// faultNames are the names of all faults, in the order of the report.
func faultNames() []string { return namesOf(append(commandFaults(), dataFaults(0)...)) }

// offsets are where a data connection is cut: for files anywhere up to the very
// end, for the short listings within a line. A cut between two lines is left
// out: see untellable.
func offsets(verb string) []int64 {
	n := int64(len(body))
	switch verb {
	case "STOR", "APPE", "RETR":
		return []int64{0, 1, 1000, n / 2, n - 1, n}
	case "MLSD", "LIST", "NLST":
		return []int64{0, 1, 7, 1000}
	}
	return nil
}

// faultsAt are the faults that can meet a command.
func faultsAt(verb string) []fault {
	faults := commandFaults()
	for _, at := range offsets(verb) {
		faults = append(faults, dataFaults(at)...)
	}
	return slices.DeleteFunc(faults, func(f fault) bool { return untellable(verb, f.what) })
}

// untellable is the fault that looks, to any client, like a server that is
// well: a listing cut off between two lines and called complete. No client is
// held to it. (A transfer cut off and called complete is told by its size.)
func untellable(verb string, f retrytest.Fault) bool {
	listing := verb == "MLSD" || verb == "LIST" || verb == "NLST"
	return listing && f.Data == retrytest.FIN && f.At == 0 && strings.HasPrefix(f.Reply, "226")
}

func namesOf(faults []fault) []string {
	var names []string
	for _, f := range faults {
		names = append(names, f.name)
	}
	return names
}
