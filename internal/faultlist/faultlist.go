// Package faultlist lists what can go wrong with one command of an FTP session.
// The enumerations of the tests and of the comparison with other clients run
// through the same list, so that neither can be kinder than the other.
package faultlist

import (
	"fmt"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// Entry is one thing that goes wrong, under the name that it has in reports.
// The command that meets it is still to be set: Fault.On, and Fault.Nth.
type Entry struct {
	Name  string
	Fault retrytest.Fault
}

// String is the name, with the offset where there is one.
func (e Entry) String() string {
	if e.Fault.Data != retrytest.Keep || e.Fault.StallData {
		return fmt.Sprintf("%s at byte %d", e.Name, e.Fault.At)
	}
	return e.Name
}

// Command is what can go wrong with any command.
func Command() []Entry {
	const fin, rst = retrytest.FIN, retrytest.RST
	return []Entry{
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
		{"ran, answered 421, closed", retrytest.Fault{After: true, Reply: "421 Going down.", Control: fin}},
		{"ran, answered 451", retrytest.Fault{After: true, Reply: "451 Local error."}},
		{"ran, answered, closed", retrytest.Fault{After: true, Control: fin}},
		{"ran, answered, 421 pushed", retrytest.Fault{After: true, Push: "421 Timeout.", Control: fin}},
		{"ran, one reply too many", retrytest.Fault{After: true, Reply: "226 Extra.", Also: true}},
	}
}

// Data is what can go wrong with a data connection after at bytes of it.
func Data(at int64) []Entry {
	var entries []Entry
	for _, by := range []struct {
		name string
		cut  retrytest.Cut
	}{{"FIN", retrytest.FIN}, {"RST", retrytest.RST}} {
		entries = append(entries,
			Entry{"data cut by " + by.name + ", 426", retrytest.Fault{Data: by.cut, At: at, Reply: "426 Cut."}},
			Entry{"data cut by " + by.name + ", 426 then 226", retrytest.Fault{Data: by.cut, At: at, Reply: "426 Cut.\n226 Done."}},
			Entry{"data cut by " + by.name + ", but 226", retrytest.Fault{Data: by.cut, At: at, Reply: "226 Done."}},
			Entry{"data cut by " + by.name + ", no reply", retrytest.Fault{Data: by.cut, At: at, Stall: true}},
			Entry{"all cut by " + by.name, retrytest.Fault{Data: by.cut, At: at, Lose: true, Control: by.cut}},
		)
	}
	return append(entries, Entry{"data stalled", retrytest.Fault{StallData: true, At: at}})
}
