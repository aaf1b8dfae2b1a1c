package retrytest_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// upload is the program under test: it tries three times, a second apart.
func upload(dial func(network, addr string) (net.Conn, error), addr, name, text string) error {
	var err error
	for attempt := range 3 {
		if attempt > 0 {
			<-time.After(time.Second)
		}
		if err = uploadOnce(dial, addr, name, text); err == nil {
			return nil
		}
	}
	return err
}

func uploadOnce(dial func(network, addr string) (net.Conn, error), addr, name, text string) error {
	c, err := ftp.Dial(addr, ftp.DialWithDialFunc(dial))
	if err != nil {
		return err
	}
	defer func() { _ = c.Quit() }()
	if err := c.Login("anonymous", "anonymous"); err != nil {
		return err
	}
	return c.Stor(name, strings.NewReader(text))
}

// TestABusyFileIsTriedAgain is a test of one's own program. In a bubble of
// testing/synctest the program's wait takes no time, and can be measured.
func TestABusyFileIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		srv.Inject(retrytest.Fault{On: "STOR", Reply: "450 Requested file action not taken."})
		dial := func(network, addr string) (net.Conn, error) {
			return srv.Dial(context.Background(), network, addr)
		}

		start := time.Now()
		if err := upload(dial, srv.Addr(), "report.csv", "a,b\n"); err != nil {
			t.Fatal(err)
		}

		if took := time.Since(start); took != time.Second {
			t.Errorf("the program waited %v, want 1s", took)
		}
		if text, err := srv.ReadFile("/report.csv"); err != nil || string(text) != "a,b\n" {
			t.Errorf("stored %q, %v", text, err)
		}
		if srv.Pending() > 0 {
			t.Errorf("the fault never acted: %q", srv.Commands())
		}
	})
}

// testT stands in for the *testing.T that a test function is given.
type testT struct{ cleanup []func() }

func (t *testT) Helper()                           {}
func (t *testT) Fatalf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (t *testT) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (t *testT) Cleanup(f func())                  { t.cleanup = append(t.cleanup, f) }

func (t *testT) end() {
	for _, f := range t.cleanup {
		f()
	}
}

// A test of one's own program, here upload, which tries again after a second:
// the file is busy at the first attempt.
func ExampleNewServer() {
	t := &testT{} // in your test: func TestABusyFileIsTriedAgain(t *testing.T)
	defer t.end()

	srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
	srv.Inject(retrytest.Fault{On: "STOR", Reply: "450 Requested file action not taken."})
	dial := func(network, addr string) (net.Conn, error) {
		return srv.Dial(context.Background(), network, addr)
	}

	if err := upload(dial, srv.Addr(), "report.csv", "a,b\n"); err != nil {
		t.Errorf("upload: %v", err)
	}

	text, err := srv.ReadFile("/report.csv")
	fmt.Printf("stored %q, %v\n", text, err)
	fmt.Println("faults left:", srv.Pending())
	for _, line := range srv.Commands() {
		if line == retrytest.Connect || strings.HasPrefix(line, "STOR") {
			fmt.Println(line)
		}
	}
	// Output:
	// stored "a,b\n", <nil>
	// faults left: 0
	// CONNECT
	// STOR report.csv
	// CONNECT
	// STOR report.csv
}

// A program that embeds the server, and looks at what a client did.
func ExampleStart() {
	srv, err := retrytest.Start(retrytest.Config{
		Users:  map[string]string{"ann": "secret"},
		Faults: []retrytest.Fault{{On: "STOR", Data: retrytest.FIN, At: 5, Reply: "426 Connection closed; transfer aborted."}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	c, err := ftp.Dial(srv.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Login("ann", "secret"); err != nil {
		fmt.Println(err)
		return
	}
	err = c.Stor("a.txt", bytes.NewReader(make([]byte, 1<<20)))
	fmt.Println("cut:", strings.Contains(err.Error(), "426"))
	info, _ := srv.Stat("/a.txt")
	fmt.Println("left on the server:", info.Size(), "bytes")
	_ = c.Quit()

	for _, e := range srv.Log() {
		if e.Command == "PASS" || e.Command == "STOR" {
			fmt.Println(e, "=>", e.Reply)
		}
	}
	// Output:
	// cut: true
	// left on the server: 5 bytes
	// PASS *** => 230 Logged in.
	// STOR a.txt => 426 Connection closed; transfer aborted.
}

// A server that offers TLS, and a client that trusts it. The ftp package leaves
// TLS on data connections to whoever dials them.
func ExampleSelfSigned() {
	serverTLS, clientTLS, err := retrytest.SelfSigned()
	if err != nil {
		fmt.Println(err)
		return
	}
	srv, err := retrytest.Start(retrytest.Config{TLS: serverTLS, RequireTLS: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	c, err := ftp.Dial(srv.Addr(), ftp.DialWithExplicitTLS(clientTLS))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("login:", c.Login("anonymous", "anonymous"))
	names, err := c.NameList("/")
	fmt.Println("list:", names, err)
	fmt.Println("quit:", c.Quit())
	// Output:
	// login: <nil>
	// list: [] <nil>
	// quit: <nil>
}

// An idle server tells its sessions goodbye, and restarts.
func ExampleServer_Push() {
	srv, err := retrytest.Start(retrytest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	c, err := ftp.Dial(srv.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	srv.Push("421 Timeout.")
	fmt.Println(c.NoOp()) // the reply to a command that never ran
	srv.Kick(retrytest.RST)

	srv.Down()
	_, err = srv.Dial(context.Background(), "tcp", srv.Addr())
	fmt.Println("refused:", err != nil)
	fmt.Println("up:", srv.Up())
	// Output:
	// 421 "Timeout."
	// refused: true
	// up: <nil>
}

// The faults happen on the way to a server of any make. Here it is one of this
// package too; in earnest it is the address of your own.
func ExampleNewProxy() {
	t := &testT{} // in your test: func TestACutUploadIsNoticed(t *testing.T)
	defer t.end()

	srv := retrytest.NewServer(t, retrytest.Config{})
	proxy := retrytest.NewProxy(t, srv.Addr(), retrytest.ProxyConfig{})
	proxy.Inject(retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 2})

	err := uploadOnce(net.Dial, proxy.Addr(), "report.csv", "a,b\n")

	text, _ := srv.ReadFile("/report.csv")
	fmt.Printf("the program says %v, and the server has %q\n", err, text)
	// Output:
	// the program says <nil>, and the server has "a,"
}
