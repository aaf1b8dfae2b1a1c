package main

import (
	"slices"
	"strings"

	"github.com/ftpretry/ftpretry/internal/faultlist"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// faultNames are the names of all faults, in the order of the report.
func faultNames() []string { return namesOf(append(faultlist.Command(), faultlist.Data(0)...)) }

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
func faultsAt(verb string) []faultlist.Entry {
	faults := faultlist.Command()
	for _, at := range offsets(verb) {
		faults = append(faults, faultlist.Data(at)...)
	}
	return slices.DeleteFunc(faults, func(e faultlist.Entry) bool { return untellable(verb, e.Fault) })
}

// untellable is the fault that looks, to any client, like a server that is
// well: a listing cut off between two lines and called complete. No client is
// held to it. (A transfer cut off and called complete is told by its size.)
func untellable(verb string, f retrytest.Fault) bool {
	listing := verb == "MLSD" || verb == "LIST" || verb == "NLST"
	return listing && f.Data == retrytest.FIN && f.At == 0 && strings.HasPrefix(f.Reply, "226")
}

func namesOf(faults []faultlist.Entry) []string {
	var names []string
	for _, f := range faults {
		names = append(names, f.Name)
	}
	return names
}
