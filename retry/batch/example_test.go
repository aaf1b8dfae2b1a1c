package batch_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/batch"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// somewhere makes a directory with a file in it.
func somewhere() (dir, file string) {
	dir, err := os.MkdirTemp("", "batch")
	if err != nil {
		log.Fatal(err)
	}
	file = filepath.Join(dir, "orders.csv")
	if err := os.WriteFile(file, []byte("id;amount\n1;20\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	return dir, file
}

// The second run has the same journal: what the first has done is not done
// again.
func ExampleRunner() {
	ctx := context.Background()
	srv, err := retrytest.Start(retrytest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	srv.WriteFile("/old.csv", []byte("id;amount\n"))
	srv.Inject(retrytest.Fault{On: "STOR", Reply: "426 Connection closed; transfer aborted."})
	client, err := retry.New(retry.Config{Addr: srv.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	dir, local := somewhere()
	defer os.RemoveAll(dir)
	journal, err := batch.OpenJournal(filepath.Join(dir, "night.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer journal.Close()
	for range 2 {
		runner := batch.Runner{Client: client, Workers: 4, Journal: journal}
		report, err := runner.Run(ctx, slices.Values([]batch.Job{
			{Kind: batch.Upload, Local: local, Remote: "/orders.csv"},
			{Kind: batch.Barrier}, // what follows begins when everything before has ended
			{Kind: batch.Rename, Remote: "/old.csv", To: "/done.csv"},
		}))
		if err != nil {
			log.Fatal(err) // why it ended early; a job that failed is in the report
		}
		fmt.Println(report.Jobs.Done, "done,", report.Jobs.Skipped, "skipped:", srv.Names())
	}
	// Output:
	// 2 done, 0 skipped: [/done.csv /orders.csv]
	// 0 done, 2 skipped: [/done.csv /orders.csv]
}

// A dry run tells what it would do and does nothing.
func ExampleRunner_MirrorUp() {
	ctx := context.Background()
	srv, err := retrytest.Start(retrytest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client, err := retry.New(retry.Config{Addr: srv.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	dir, _ := somewhere()
	defer os.RemoveAll(dir)
	runner := batch.Runner{Client: client}
	for _, dry := range []bool{true, false, false} {
		report, err := runner.MirrorUp(ctx, batch.Mirror{Local: dir, Remote: "/in", DryRun: dry})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(report.Jobs.Done, "done:", srv.Names())
	}
	// Output:
	// 0 done: []
	// 2 done: [/in/orders.csv]
	// 0 done: [/in/orders.csv]
}
