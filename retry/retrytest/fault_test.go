package retrytest_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

const (
	content = "0123456789"
	refused = "450 Requested file action not taken."
	done    = "226 Transfer complete."
)

func TestFaultsOfCommands(t *testing.T) {
	for name, row := range map[string]struct {
		fault retrytest.Fault
		check func(t *testing.T, srv faulty, c *rawClient)
	}{
		"a fault with nothing wrong changes nothing": {
			retrytest.Fault{On: "DELE"},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.want("DELE old.txt", "250")
				assert.False(t, srv.Exists("/old.txt"))
			},
		},
		"a reply comes instead of the command": {
			retrytest.Fault{On: "DELE", Reply: refused},
			func(t *testing.T, srv faulty, c *rawClient) {
				assert.Equal(t, refused, c.want("DELE old.txt", "450"))
				assert.True(t, srv.Exists("/old.txt"))
				c.want("DELE old.txt", "250")
			},
		},
		"a reply comes after the command": {
			retrytest.Fault{On: "DELE", After: true, Reply: refused},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.want("DELE old.txt", "450")
				assert.False(t, srv.Exists("/old.txt"))
			},
		},
		"a verb in lower case is meant as well": {
			retrytest.Fault{On: "dele", Reply: refused},
			func(_ *testing.T, _ faulty, c *rawClient) { c.want("DELE old.txt", "450") },
		},
		"two replies come for one command, the first before it runs": {
			retrytest.Fault{On: "DELE", Also: true, Reply: "451 Too many."},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.want("DELE old.txt", "451 Too many.")
				assert.Equal(t, "250 Removed.", c.reply())
				assert.False(t, srv.Exists("/old.txt"))
			},
		},
		"two replies come for one command, both after it ran": {
			retrytest.Fault{On: "DELE", Also: true, After: true, Reply: "451 Too many."},
			func(_ *testing.T, _ faulty, c *rawClient) {
				c.want("DELE old.txt", "451 Too many.")
				assert.Equal(c.t, "250 Removed.", c.reply())
			},
		},
		"one reply has two lines of its own": {
			retrytest.Fault{On: "NOOP", Reply: "451-First.\n451 Second.\n226 Third."},
			func(_ *testing.T, _ faulty, c *rawClient) {
				assert.Equal(c.t, "451-First.\n451 Second.", c.want("NOOP", "451"))
				assert.Equal(c.t, "226 Third.", c.reply())
			},
		},
		"the connection is closed before the command runs": {
			retrytest.Fault{On: "DELE", Control: retrytest.FIN},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.send("DELE old.txt")
				c.closed(io.EOF)
				assert.True(t, srv.Exists("/old.txt"))
			},
		},
		"the connection is reset before the command runs": {
			retrytest.Fault{On: "DELE", Control: retrytest.RST},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.send("DELE old.txt")
				c.closed(syscall.ECONNRESET)
				assert.True(t, srv.Exists("/old.txt"))
			},
		},
		"the command runs and its reply is lost with the connection": {
			retrytest.Fault{On: "DELE", After: true, Lose: true, Control: retrytest.FIN},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.send("DELE old.txt")
				c.closed(io.EOF)
				assert.False(t, srv.Exists("/old.txt"))
			},
		},
		"the command runs, is answered, and the connection is closed": {
			retrytest.Fault{On: "DELE", After: true, Control: retrytest.FIN},
			func(_ *testing.T, _ faulty, c *rawClient) {
				c.want("DELE old.txt", "250")
				c.closed(io.EOF)
			},
		},
		"a reply comes, and the connection is closed": {
			retrytest.Fault{On: "DELE", Reply: "421 Bye.", Control: retrytest.FIN},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.want("DELE old.txt", "421 Bye.")
				c.closed(io.EOF)
				assert.True(t, srv.Exists("/old.txt"))
			},
		},
		"a 421 is pushed after the reply, and the connection closed": {
			retrytest.Fault{On: "DELE", Push: "421 Timeout.", Control: retrytest.FIN},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.want("DELE old.txt", "250")
				assert.Equal(t, "421 Timeout.", c.reply())
				c.closed(io.EOF)
				assert.False(t, srv.Exists("/old.txt"))
			},
		},
		"any command can be meant": {
			retrytest.Fault{On: "*", Reply: refused, Nth: 2},
			func(_ *testing.T, _ faulty, c *rawClient) {
				c.want("NOOP", "200")
				c.want("PWD", "450")
				c.want("PWD", "257")
			},
		},
		"a new connection is no command": {
			retrytest.Fault{On: "*", Reply: refused},
			func(_ *testing.T, srv faulty, c *rawClient) {
				require.Equal(c.t, "220 ready", connect(c.t, srv).reply())
				c.want("NOOP", "450")
			},
		},
		"only one argument can be meant": {
			retrytest.Fault{On: "SIZE", Path: "new.txt", Reply: refused},
			func(_ *testing.T, _ faulty, c *rawClient) {
				c.want("SIZE old.txt", "213 10")
				c.want("SIZE new.txt", "450")
			},
		},
		"the second and third occurrence are meant": {
			retrytest.Fault{On: "NOOP", Nth: 2, Times: 2, Reply: refused},
			func(_ *testing.T, _ faulty, c *rawClient) {
				c.want("NOOP", "200")
				c.want("NOOP", "450")
				c.want("NOOP", "450")
				c.want("NOOP", "200")
			},
		},
		"every occurrence is meant": {
			retrytest.Fault{On: "NOOP", Times: -1, Reply: refused},
			func(t *testing.T, srv faulty, c *rawClient) {
				for range 5 {
					c.want("NOOP", "450")
				}
				assert.Equal(t, 1, srv.Pending())
				srv.ClearFaults()
				assert.Zero(t, srv.Pending())
				c.want("NOOP", "200")
			},
		},
		"a new connection is met instead of greeted": {
			retrytest.Fault{On: retrytest.Connect, Reply: "421 Too many users.", Control: retrytest.FIN},
			func(t *testing.T, srv faulty, _ *rawClient) {
				c := connect(t, srv)
				assert.Equal(t, "421 Too many users.", c.reply())
				c.closed(io.EOF)
				session(t, srv)
			},
		},
		"a new connection is greeted twice": {
			retrytest.Fault{On: retrytest.Connect, Also: true, Reply: "120 Wait."},
			func(t *testing.T, srv faulty, _ *rawClient) {
				c := connect(t, srv)
				assert.Equal(t, []string{"120 Wait.", "220 ready"}, []string{c.reply(), c.reply()})
				c.want("USER u", "331")
			},
		},
		"a new connection is reset": {
			retrytest.Fault{On: retrytest.Connect, Control: retrytest.RST},
			func(t *testing.T, srv faulty, _ *rawClient) {
				conn, err := srv.Dial(t.Context(), "tcp", srv.Addr())
				if err == nil { // the kernel may tell of the reset in connect already
					_, err = conn.Read(make([]byte, 1))
				}
				assert.ErrorIs(t, err, syscall.ECONNRESET)
			},
		},
		"a refused STOR neither truncates nor creates": {
			retrytest.Fault{On: "STOR", Reply: refused, Times: 2},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.passive()
				c.want("STOR old.txt", "450")
				c.want("STOR new.txt", "450")
				assert.Equal(t, []string{"/dir/", "/old.txt"}, srv.Names())
				data, err := srv.ReadFile("/old.txt")
				require.NoError(t, err)
				assert.Equal(t, content, string(data))
			},
		},
		"a refused transfer uses up its REST": {
			retrytest.Fault{On: "RETR", Reply: refused},
			func(t *testing.T, _ faulty, c *rawClient) {
				c.want("REST 4", "350")
				c.want("RETR old.txt", "450")
				data, _, _ := c.download("RETR old.txt")
				assert.Equal(t, content, data)
			},
		},
		"a function is called before the reply": {
			retrytest.Fault{On: "SIZE", After: true},
			func(t *testing.T, srv faulty, c *rawClient) {
				srv.Inject(retrytest.Fault{On: "SIZE", Run: func() {
					assert.NoError(t, srv.WriteFile("/old.txt", []byte("changed")))
				}})
				c.want("SIZE old.txt", "213 10")
				c.want("SIZE old.txt", "213 7")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			everyFront(t, retrytest.Config{}, func(t *testing.T, srv faulty) {
				c := session(t, srv)
				srv.Inject(row.fault)
				row.check(t, srv, c)
			})
		})
	}
}

func TestFaultsOfTransfers(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, row := range map[string]struct {
		fault retrytest.Fault
		check func(t *testing.T, srv faulty, c *rawClient)
	}{
		"a download is cut by FIN after some bytes": {
			retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 4},
			func(t *testing.T, srv faulty, c *rawClient) {
				data, reply, err := c.download("RETR old.txt")
				assert.Equal(t, content[:4], data)
				assert.NoError(t, err)
				assert.Equal(t, srv.own("426 Data connection closed.", done), reply)
			},
		},
		"a download is cut by RST after some bytes": {
			retrytest.Fault{On: "RETR", Data: retrytest.RST, At: 4, Reply: "426 Cut."},
			func(t *testing.T, _ faulty, c *rawClient) {
				data, reply, err := c.download("RETR old.txt")
				assert.True(t, strings.HasPrefix(content[:4], data), data)
				assert.ErrorIs(t, err, syscall.ECONNRESET)
				assert.Equal(t, "426 Cut.", reply)
			},
		},
		"a resumed download counts its bytes from its own start": {
			retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 4},
			func(t *testing.T, _ faulty, c *rawClient) {
				c.want("REST 3", "350")
				data, _, _ := c.download("RETR old.txt")
				assert.Equal(t, content[3:7], data)
			},
		},
		"a listing is cut": {
			retrytest.Fault{On: "MLSD", Data: retrytest.FIN, At: 5, Reply: "226 Done."},
			func(t *testing.T, _ faulty, c *rawClient) {
				data, reply, _ := c.download("MLSD")
				assert.Equal(t, "type=", data)
				assert.Equal(t, "226 Done.", reply)
			},
		},
		"an upload is cut by RST after some bytes, and what came is kept": {
			retrytest.Fault{On: "STOR", Data: retrytest.RST, At: 4},
			func(t *testing.T, srv faulty, c *rawClient) {
				reply, _ := c.upload("STOR new.txt", long)
				assert.Equal(t, srv.own("426 Data connection reset.", "426 Failure reading network stream."), reply)
				data, err := srv.ReadFile("/new.txt")
				require.NoError(t, err)
				if srv.proxied {
					assert.True(t, strings.HasPrefix(long[:4], string(data)), data) // a reset overtakes
				} else {
					assert.Equal(t, long[:4], string(data))
				}
			},
		},
		"an upload is cut by FIN after some bytes, and the server lies": {
			retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 4, Reply: "226 Done."},
			func(t *testing.T, srv faulty, c *rawClient) {
				reply, _ := c.upload("STOR new.txt", long)
				assert.Equal(t, "226 Done.", reply)
				assert.Equal(t, 4, srv.size(t, "/new.txt"))
			},
		},
		"a cut beyond the end of an upload acts at its end": {
			retrytest.Fault{On: "STOR", Data: retrytest.RST, At: 100, Reply: "426 Cut."},
			func(t *testing.T, srv faulty, c *rawClient) {
				reply, _ := c.upload("STOR new.txt", content)
				assert.Equal(t, "426 Cut.", reply)
				data, _ := srv.ReadFile("/new.txt")
				assert.Equal(t, content, string(data))
			},
		},
		"an orderly close beyond the end of a download is its normal end": {
			retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 100},
			func(t *testing.T, _ faulty, c *rawClient) {
				data, reply, _ := c.download("RETR old.txt")
				assert.Equal(t, content, data)
				assert.Equal(t, "226 Transfer complete.", reply)
			},
		},
		"everything is cut at the first byte": {
			retrytest.Fault{On: "RETR", Data: retrytest.FIN, Lose: true, Control: retrytest.RST},
			func(t *testing.T, _ faulty, c *rawClient) {
				c.passive()
				c.want("RETR old.txt", "150")
				data, _ := io.ReadAll(c.data)
				assert.Empty(t, data)
				c.closed(syscall.ECONNRESET)
			},
		},
		"an upload is complete and its reply lost": {
			retrytest.Fault{On: "STOR", After: true, Lose: true, Control: retrytest.FIN},
			func(t *testing.T, srv faulty, c *rawClient) {
				reply, _ := c.upload("STOR new.txt", content)
				assert.Equal(t, "<EOF>", reply)
				data, _ := srv.ReadFile("/new.txt")
				assert.Equal(t, content, string(data))
			},
		},
		"an upload is complete and answered by a failure": {
			retrytest.Fault{On: "STOR", After: true, Reply: "451 Local error."},
			func(t *testing.T, srv faulty, c *rawClient) {
				reply, _ := c.upload("STOR new.txt", content)
				assert.Equal(t, "451 Local error.", reply)
				assert.True(t, srv.Exists("/new.txt"))
			},
		},
		"the final reply comes before the data of a download": {
			retrytest.Fault{On: "RETR", Early: true},
			func(t *testing.T, _ faulty, c *rawClient) {
				c.passive()
				c.want("RETR old.txt", "150")
				assert.Equal(t, "226 Transfer complete.", c.reply())
				data, err := io.ReadAll(c.data)
				assert.NoError(t, err)
				assert.Equal(t, content, string(data))
				c.want("NOOP", "200")
			},
		},
		"the final reply comes before the data of an upload, which is then cut": {
			retrytest.Fault{On: "STOR", Early: true, Data: retrytest.FIN, At: 2, Reply: "226 Early."},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.passive()
				c.want("STOR new.txt", "150")
				assert.Equal(t, "226 Early.", c.reply())
				_, err := io.WriteString(c.data, content)
				assert.NoError(t, err)
				c.want("SIZE new.txt", "213 2")
			},
		},
		"the preliminary reply is missing": {
			retrytest.Fault{On: "RETR", Silent: true},
			func(t *testing.T, _ faulty, c *rawClient) {
				c.passive()
				c.want("RETR old.txt", "226")
			},
		},
		"the only reply of a transfer is its final one, and another": {
			retrytest.Fault{On: "RETR", Silent: true, Reply: "250 Done."},
			func(t *testing.T, _ faulty, c *rawClient) {
				c.passive()
				c.want("RETR old.txt", "250 Done.")
				data, err := io.ReadAll(c.data)
				assert.NoError(t, err)
				assert.Equal(t, content, string(data))
			},
		},
		"two replies end a transfer": {
			retrytest.Fault{On: "RETR", After: true, Also: true, Reply: "451 Too many transfers."},
			func(t *testing.T, _ faulty, c *rawClient) {
				_, reply, _ := c.download("RETR old.txt")
				assert.Equal(t, "451 Too many transfers.", reply)
				assert.Equal(t, "226 Transfer complete.", c.reply())
			},
		},
		"a transfer that cannot begin is refused as without the fault": {
			retrytest.Fault{On: "RETR", Data: retrytest.FIN, At: 3},
			func(_ *testing.T, _ faulty, c *rawClient) { c.want("RETR missing", "550") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			everyFront(t, retrytest.Config{}, func(t *testing.T, srv faulty) {
				c := session(t, srv)
				srv.Inject(row.fault)
				row.check(t, srv, c)
				assert.Zero(t, srv.Pending())
			})
		})
	}
}

// Silence can only be shown where time is virtual.
func TestFaultsOfSilence(t *testing.T) {
	const idle = time.Minute
	for name, row := range map[string]struct {
		fault retrytest.Fault
		check func(t *testing.T, srv faulty, c *rawClient)
	}{
		"a command is not executed and never answered": {
			retrytest.Fault{On: "DELE", Stall: true},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.send("DELE old.txt")
				c.silent()
				srv.Push("421 Timeout.")
				c.silent()
				c.send("DELE old.txt")
				c.silent()
				assert.True(t, srv.Exists("/old.txt"))
				assert.Equal(t, 1, srv.Sessions())
				require.NoError(t, c.conn.Close())
				synctest.Wait()
				assert.Zero(t, srv.Sessions())
			},
		},
		"an upload is not begun, and its data connection is left open": {
			retrytest.Fault{On: "STOR", Stall: true},
			func(t *testing.T, _ faulty, c *rawClient) {
				c.passive()
				c.send("STOR new.txt")
				c.silent()
				require.NoError(t, c.data.SetReadDeadline(time.Now().Add(time.Second)))
				_, err := c.data.Read(make([]byte, 1))
				assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			},
		},
		"a silent session is not timed out": {
			retrytest.Fault{On: "NOOP", Stall: true},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.send("NOOP")
				time.AfterFunc(3*idle, func() { assert.Equal(t, 1, srv.Sessions()) })
				require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(4*idle)))
				_, err := c.in.ReadByte()
				assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			},
		},
		"a silent download ends as soon as the client hangs up": {
			retrytest.Fault{On: "RETR", StallData: true},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.passive()
				c.want("RETR old.txt", "150")
				start := time.Now()
				require.NoError(t, c.conn.Close())
				_, err := c.data.Read(make([]byte, 1))
				assert.ErrorIs(t, err, io.EOF)
				srv.Close()
				assert.Zero(t, time.Since(start))
			},
		},
		"a command is executed and never answered": {
			retrytest.Fault{On: "DELE", After: true, Stall: true},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.send("DELE old.txt")
				c.silent()
				assert.False(t, srv.Exists("/old.txt"))
			},
		},
		"one reply is lost and the next command answered": {
			retrytest.Fault{On: "DELE", After: true, Lose: true},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.send("DELE old.txt")
				c.silent()
				assert.False(t, srv.Exists("/old.txt"))
				c.want("NOOP", "200")
			},
		},
		"a greeting never comes": {
			retrytest.Fault{On: retrytest.Connect, Stall: true},
			func(t *testing.T, srv faulty, _ *rawClient) { connect(t, srv).silent() },
		},
		"a download falls silent until the client closes it": {
			retrytest.Fault{On: "RETR", StallData: true, At: 4},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.passive()
				c.want("RETR old.txt", "150")
				got := make([]byte, 100)
				n, err := c.data.Read(got)
				require.NoError(t, err)
				assert.Equal(t, content[:4], string(got[:n]))
				require.NoError(t, c.data.SetReadDeadline(time.Now().Add(time.Second)))
				_, err = c.data.Read(got)
				require.ErrorContains(t, err, "timeout")
				c.silent()
				require.NoError(t, c.data.Close())
				assert.Equal(t, srv.own("426 Transfer stalled.", done), c.reply())
			},
		},
		"an upload falls silent until the client hangs up": {
			retrytest.Fault{On: "STOR", StallData: true, At: 4},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.passive()
				c.want("STOR new.txt", "150")
				require.NoError(t, c.data.SetWriteDeadline(time.Now().Add(time.Second)))
				_, err := c.data.Write(make([]byte, 1<<20))
				require.ErrorContains(t, err, "timeout")
				c.silent()
				require.NoError(t, c.conn.Close())
				synctest.Wait()
				assert.Zero(t, srv.Sessions())
				assert.Equal(t, 4, srv.size(t, "/new.txt"))
			},
		},
		"a stalled transfer ends with the server": {
			retrytest.Fault{On: "STOR", StallData: true, At: 4},
			func(t *testing.T, srv faulty, c *rawClient) {
				c.passive()
				c.want("STOR new.txt", "150")
				_, err := c.data.Write([]byte(content))
				require.NoError(t, err)
				c.silent()
				srv.Close()
			},
		},
		"a reply is late": {
			retrytest.Fault{On: "NOOP", Delay: 3 * time.Second, After: true},
			func(t *testing.T, _ faulty, c *rawClient) {
				start := time.Now()
				c.want("NOOP", "200")
				assert.Equal(t, 3*time.Second, time.Since(start))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, retrytest.Config{IdleTimeout: idle}, func(t *testing.T, srv faulty) {
				c := session(t, srv)
				srv.Inject(row.fault)
				row.check(t, srv, c)
			})
		})
	}
}

func TestFaultsAreCountedIndependently(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{Faults: []retrytest.Fault{
		{On: "NOOP", Reply: "450 First."},
		{On: "NOOP", Reply: "451 Second."},
		{On: "NOOP", Nth: 4, Reply: "452 Fourth."},
	}})
	c := session(t, srv)
	other := session(t, srv)
	c.want("NOOP", "450 First.")
	other.want("NOOP", "451 Second.")
	c.want("NOOP", "200")
	other.want("NOOP", "452 Fourth.")
	c.want("NOOP", "200")
	srv.Inject(retrytest.Fault{On: "NOOP", Nth: 2, Reply: "450 Counted from here."})
	c.want("NOOP", "200")
	other.want("NOOP", "450 Counted from here.")
}
