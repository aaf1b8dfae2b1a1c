package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/textproto"
	"os"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// exampleServer is a server with a script of faults, so that the examples have
// something to survive.
func exampleServer(faults ...retrytest.Fault) *retrytest.Server {
	srv, err := retrytest.Start(retrytest.Config{Faults: faults})
	if err != nil {
		log.Fatal(err)
	}
	return srv
}

func Example() {
	srv := exampleServer(
		retrytest.Fault{On: "STOR", Reply: "452 Requested action not taken; insufficient storage space."},
		retrytest.Fault{On: "RETR", Data: retrytest.RST, At: 5, Reply: "426 Connection closed; transfer aborted."},
	)
	defer srv.Close()
	addr, patience := srv.Addr(), policy.Policy{Attempts: 12, Initial: 5 * time.Millisecond, Max: 10 * time.Millisecond}

	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Hour)
	defer cancel()
	client, err := retry.New(retry.Config{
		Addr: addr, User: "batch", Password: os.Getenv("FTP_PASSWORD"),
		Policy: patience, // policy.Parse("attempts=12 initial=2s max=5m")
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Stor(ctx, "orders.csv", retry.Bytes([]byte("id;amount\n1;20\n"))); err != nil {
		log.Fatal(err) // STOR orders.csv: attempts exhausted after 12 attempts in 3m2s: 452 "..."
	}
	n, err := client.Retr(ctx, "orders.csv", os.Stdout)
	fmt.Println(n, err, client.Stats().Attempts)
	// Output:
	// id;amount
	// 1;20
	// 15 <nil> 4
}

func ExampleDial() {
	srv := exampleServer(retrytest.Fault{On: "STOR", Reply: "421 Service not available.", Control: retrytest.FIN})
	defer srv.Close()

	// Before: c, err := ftp.Dial(srv.Addr(), ftp.DialWithTimeout(5*time.Second))
	c, err := retry.Dial(context.Background(), retry.Config{Addr: srv.Addr(), Policy: policy.Policy{Initial: time.Millisecond}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Quit()
	if err := c.Login("batch", "secret"); err != nil {
		log.Fatal(err)
	}
	if err := c.MakeDir("in"); err != nil {
		log.Fatal(err)
	}
	if err := c.ChangeDir("in"); err != nil {
		log.Fatal(err)
	}
	if err := c.Stor("a.txt", strings.NewReader("hello")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(srv.Exists("/in/a.txt"))
	// Output: true
}

func ExampleClient_Do() {
	srv := exampleServer(retrytest.Fault{On: "RNTO", Reply: "450 file busy"})
	defer srv.Close()
	_ = srv.WriteFile("/out/a.tmp", []byte("data"))
	client, err := retry.New(retry.Config{Addr: srv.Addr(), Policy: policy.Policy{Initial: time.Millisecond}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = client.Do(context.Background(), func(_ context.Context, conn *ftp.ServerConn) error {
		// Runs again from here, on a new session, when it fails of something
		// that can heal.
		if err := conn.ChangeDir("/out"); err != nil {
			return err
		}
		return conn.Rename("a.tmp", "a.csv")
	})
	fmt.Println(err, srv.Names())
	// Output: <nil> [/out/a.csv]
}

func ExampleClient_Open() {
	srv := exampleServer(retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 7, Lose: true, Control: retrytest.RST})
	defer srv.Close()
	_ = srv.WriteFile("/log", []byte("line one\nline two\n"))
	client, err := retry.New(retry.Config{Addr: srv.Addr(), Policy: policy.Policy{Initial: time.Millisecond}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	r, err := client.Open(context.Background(), "/log")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r) // goes on where the connection was lost
	fmt.Printf("%q %v\n", b, err)
	// Output: "line one\nline two\n" <nil>
}

func ExampleError() {
	srv := exampleServer(retrytest.Fault{On: "STOR", Reply: "450 Requested file action not taken.", Times: -1})
	defer srv.Close()
	client, err := retry.New(retry.Config{Addr: srv.Addr(), Policy: policy.Policy{Attempts: 3, Initial: time.Millisecond}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = client.Stor(context.Background(), "/a", retry.Bytes(nil))
	var e *retry.Error
	var reply *textproto.Error
	if errors.As(err, &e) && errors.As(err, &reply) {
		fmt.Println(errors.Is(err, retry.ErrAttempts), e.Attempts, reply.Code, e.Verdict.Class)
	}
	// Output: true 3 450 busy
}
