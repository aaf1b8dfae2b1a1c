package retrytest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func TestSessionsBeyondTheLimitAreRefused(t *testing.T) {
	everywhere(t, retrytest.Config{MaxSessions: 2}, func(t *testing.T, srv *retrytest.Server) {
		a, b := session(t, srv), session(t, srv)
		assert.Equal(t, 2, srv.Sessions())
		third := connect(t, srv)
		assert.Equal(t, "421 Too many users.", third.reply())
		third.closed(io.EOF)
		assert.Equal(t, 2, srv.Sessions())
		a.want("QUIT", "221")
		assert.Equal(t, 1, srv.Sessions(), "the place is free before the reply")
		session(t, srv)
		b.want("NOOP", "200")
	})
}

func TestAPlaceIsFreeAsSoonAsItsClientHasHungUp(t *testing.T) {
	everywhere(t, retrytest.Config{MaxSessions: 1}, func(t *testing.T, srv *retrytest.Server) {
		for range 50 {
			c := session(t, srv)
			require.NoError(t, c.conn.Close())
		}
	})
}

func TestAnUnaskedReplyReachesIdleSessionsOnly(t *testing.T) {
	everyFront(t, retrytest.Config{}, func(t *testing.T, srv faulty) {
		idle, busy := session(t, srv), session(t, srv)
		busy.passive()
		busy.want("STOR new.txt", "150")
		srv.Push("421 Timeout.")
		assert.Equal(t, "421 Timeout.", idle.reply())
		idle.want("NOOP", "200")
		_, err := io.WriteString(busy.data, content)
		require.NoError(t, err)
		require.NoError(t, busy.data.Close())
		assert.Equal(t, "226 Transfer complete.", busy.reply())
	})
}

func TestKickEndsEveryConnection(t *testing.T) {
	for name, row := range map[string]struct {
		cut  retrytest.Cut
		want error
	}{
		"by FIN": {retrytest.FIN, io.EOF},
		"by RST": {retrytest.RST, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			everyFront(t, retrytest.Config{}, func(t *testing.T, srv faulty) {
				idle, busy := session(t, srv), session(t, srv)
				busy.passive()
				busy.want("STOR new.txt", "150")
				srv.Kick(retrytest.Keep)
				idle.want("NOOP", "200")
				srv.Kick(row.cut)
				assert.Zero(t, srv.Sessions())
				idle.closed(row.want)
				busy.closed(row.want)
				_, err := busy.data.Read(make([]byte, 1))
				assert.ErrorIs(t, err, row.want)
				session(t, srv)
			})
		})
	}
}

func TestAServerThatIsDownRefusesAndComesBackOnItsAddress(t *testing.T) {
	everyFront(t, retrytest.Config{}, func(t *testing.T, srv faulty) {
		c, addr := session(t, srv), srv.Addr()
		for range 3 {
			srv.Down()
			srv.Down()
			c.closed(io.EOF)
			_, err := srv.Dial(context.Background(), "tcp", addr)
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			require.NoError(t, srv.Up())
			require.NoError(t, srv.Up())
			require.Equal(t, addr, srv.Addr())
			c = session(t, srv)
			c.want("SIZE old.txt", "213 10")
		}
		srv.Close()
		require.ErrorContains(t, srv.Up(), "the server is closed")
	})
}

func TestAnIdleSessionIsTimedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, IdleTimeout: 3 * time.Second})
		c := session(t, srv)
		for range 3 {
			<-time.After(2 * time.Second)
			c.want("NOOP", "200")
		}
		start := time.Now()
		assert.Equal(t, "421 Timeout.", c.reply())
		c.closed(io.EOF)
		assert.Equal(t, 3*time.Second, time.Since(start))

		c = session(t, srv)
		c.passive()
		c.want("STOR new.txt", "150")
		<-time.After(5 * time.Second)
		require.NoError(t, c.data.Close())
		assert.Equal(t, "226 Transfer complete.", c.reply())
	})
}

func TestATransferWithoutDataConnectionIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true, AcceptTimeout: 4 * time.Second})
		require.NoError(t, srv.WriteFile("/old.txt", []byte(content)))
		c := session(t, srv)
		c.want("STOR old.txt", "425 Use PASV or EPSV first.")
		c.want("EPSV", "229")
		start := time.Now()
		c.want("STOR old.txt", "425 Failed to establish connection.")
		assert.Equal(t, 4*time.Second, time.Since(start))
		c.want("SIZE old.txt", "213 0") // truncated already, as vsftpd does
	})
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	count := func() int {
		n := 0
		eventually(t, "a steady number of goroutines", func() bool {
			before := n
			n = runtime.NumGoroutine()
			return n == before
		})
		return n
	}
	before := count()
	serverTLS, clientTLS := selfSigned(t)
	for range 5 {
		srv, err := retrytest.Start(retrytest.Config{TLS: serverTLS, IdleTimeout: time.Hour})
		require.NoError(t, err)
		srv.Inject(retrytest.Fault{On: "APPE", StallData: true}, retrytest.Fault{On: "SIZE", Delay: time.Hour})
		c := session(t, srv)
		c.passive()
		c.want("STOR a", "150") // no data
		session(t, srv).send("SIZE a")
		stalled := secure(t, srv, clientTLS)
		stalled.passive()
		stalled.want("APPE b", "150")
		require.NoError(t, stalled.data.(interface{ Handshake() error }).Handshake())
		connect(t, srv) // says nothing
		waiting := session(t, srv)
		waiting.want("EPSV", "229")
		waiting.send("STOR c")
		srv.Close()
		srv.Close()
	}
	eventually(t, fmt.Sprintf("no more than %d goroutines", before), func() bool {
		return runtime.NumGoroutine() <= before
	})
}

func TestCloseWaitsForWhatIsStillRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := retrytest.NewServer(t, retrytest.Config{InMemory: true})
		release, closed := make(chan struct{}), make(chan struct{})
		srv.Inject(retrytest.Fault{On: "NOOP", Run: func() { <-release }})
		session(t, srv).send("NOOP")
		synctest.Wait()
		go func() {
			srv.Close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed while a command ran")
		default:
		}
		close(release)
		<-closed
	})
}

func TestAWaitingPortIsGivenUpWithItsSession(t *testing.T) {
	everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
		c := session(t, srv)
		c.passive()
		require.NoError(t, c.conn.Close())
		_, err := c.data.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = srv.Dial(context.Background(), "tcp", c.data.RemoteAddr().String())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestTheTreeCanBeChangedByHand(t *testing.T) {
	for name, root := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{Root: root})
			require.NoError(t, srv.WriteFile("a/b/c", []byte(content)))
			require.NoError(t, srv.WriteFile("/a/b/c", []byte("short")))
			require.NoError(t, srv.Mkdir("/a/d/"))
			require.NoError(t, srv.Mkdir("/a/d"))
			require.NoError(t, srv.Truncate("/z", 3))
			assert.Equal(t, []string{"/a/b/c", "/a/d/", "/z"}, srv.Names())
			assert.Equal(t, map[string][]byte{"/a/b/c": []byte("short"), "/z": {0, 0, 0}}, srv.Files())
			require.Error(t, srv.Remove("/a/b"))
			require.NoError(t, srv.Remove("/a/b/c"))
			require.NoError(t, srv.Remove("/a/b"))
			require.ErrorIs(t, srv.Remove("/a/b"), os.ErrNotExist)
			require.ErrorIs(t, srv.WriteFile("/z/below", nil), syscall.ENOTDIR)
			require.ErrorIs(t, srv.Truncate("/z/below", 1), syscall.ENOTDIR)
			require.ErrorIs(t, srv.Chtimes("/a/b", time.Now()), os.ErrNotExist)
			require.Error(t, srv.WriteFile("/a", nil))
			require.Error(t, srv.Remove("/"))
			_, err := srv.ReadFile("/a/b/c")
			require.ErrorIs(t, err, os.ErrNotExist)
			assert.False(t, srv.Exists("/a/b"))
			info, err := srv.Stat("/a")
			require.NoError(t, err)
			assert.True(t, info.Mode().IsDir())
			info, err = srv.Stat("/z")
			require.NoError(t, err)
			assert.True(t, info.Mode().IsRegular())
		})
	}
}

func TestAClientThatVanishesLeavesNothingBehind(t *testing.T) {
	everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
		c := session(t, srv)
		c.passive()
		c.want("STOR new.txt", "150")
		_, err := io.WriteString(c.data, content)
		require.NoError(t, err)
		require.NoError(t, c.conn.Close())
		require.NoError(t, c.data.Close())
		eventually(t, "the session has left", func() bool { return srv.Sessions() == 0 })
		eventually(t, "the data has arrived", func() bool {
			data, _ := srv.ReadFile("/new.txt")
			return string(data) == content
		})
	})
}

func TestAbortEndsATransfer(t *testing.T) {
	everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
		c := session(t, srv)
		c.want("ABOR", "225")
		c.passive()
		c.want("STOR new.txt", "150")
		c.want("\xff\xf4\xff\xf2ABOR", "426")
		require.Equal(t, "226 Transfer aborted.", c.reply())
		c.want("NOOP", "200")
	})
}

func TestCommandsSentDuringATransferWait(t *testing.T) {
	everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
		c := session(t, srv)
		c.passive()
		c.want("STOR new.txt", "150")
		c.send("NOOP\r\nSIZE new.txt")
		_, err := io.WriteString(c.data, content)
		require.NoError(t, err)
		require.NoError(t, c.data.Close())
		require.Equal(t, "226 Transfer complete.", c.reply())
		require.Equal(t, "200 NOOP ok.", c.reply())
		require.Equal(t, "213 10", c.reply())
	})
}

func TestTheLogTellsWhatWasReceivedAndAnswered(t *testing.T) {
	everywhere(t, retrytest.Config{}, func(t *testing.T, srv *retrytest.Server) {
		srv.ResetLog()
		c := session(t, srv)
		srv.Inject(retrytest.Fault{On: "STOR", Reply: refused}, retrytest.Fault{On: "NOOP", After: true, Lose: true})
		c.want("ACCT hidden", "202")
		c.want("STOR a", "450")
		reply, _ := c.upload("STOR b c.txt", content)
		require.Equal(t, "226 Transfer complete.", reply)
		other := session(t, srv)
		other.send("NOOP")
		other.want("QUIT", "221")
		assert.Equal(t, []string{
			"CONNECT", "USER u", "PASS ***", "ACCT ***", "STOR a", "EPSV", "STOR b c.txt",
			"CONNECT", "USER u", "PASS ***", "NOOP", "QUIT",
		}, srv.Commands())
		log := srv.Log()
		assert.Equal(t, 1, log[0].Session)
		assert.Equal(t, "220 ready", log[0].Reply)
		assert.Equal(t, refused, log[4].Reply)
		assert.Equal(t, "226 Transfer complete.", log[6].Reply)
		assert.EqualValues(t, len(content), log[6].Bytes)
		assert.Equal(t, 2, log[10].Session)
		assert.Empty(t, log[10].Reply)
		for _, e := range log {
			assert.NotContains(t, e.String(), "hidden")
		}
	})
}

func TestTheLogKeepsTheNewestEvents(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{LogSize: 3})
	c := session(t, srv)
	for i := range 20 {
		c.want(fmt.Sprint("NOOP ", i), "200")
	}
	assert.Equal(t, []string{"NOOP 17", "NOOP 18", "NOOP 19"}, srv.Commands())
	srv = retrytest.NewServer(t, retrytest.Config{LogSize: -1})
	session(t, srv)
	assert.Empty(t, srv.Log())
}

func TestConfigurationMistakesAreErrors(t *testing.T) {
	for want, cfg := range map[string]retrytest.Config{
		"need Config.TLS":              {RequireTLS: true},
		"MaxSessions is -1":            {MaxSessions: -1},
		"cannot serve Config.Root":     {Root: "/nonexistent/root"},
		"leave Config.Root empty":      {Root: t.TempDir(), Quirks: retrytest.Quirks{Capacity: 1}},
		"Fault.On is empty":            {Faults: []retrytest.Fault{{Reply: refused}}},
		"Fault.At is -1 for RETR":      {Faults: []retrytest.Fault{{On: "RETR", At: -1}}},
		"must be Keep, FIN or RST":     {Faults: []retrytest.Fault{{On: "RETR", Data: 7}}},
		"needs a Reply to send as wel": {Faults: []retrytest.Fault{{On: "RETR", Also: true}}},
	} {
		_, err := retrytest.Start(cfg)
		require.ErrorContains(t, err, want)
		assert.Equal(t, strings.ToLower(err.Error()[:1]), err.Error()[:1])
	}
	fails := &failing{T: t}
	assert.Nil(t, retrytest.NewServer(fails, retrytest.Config{RequireTLS: true}))
	assert.Contains(t, fails.text, "cannot start the FTP server")
	retrytest.NewServer(fails, retrytest.Config{}).Inject(retrytest.Fault{Reply: refused})
	assert.Contains(t, fails.text, "Fault.On is empty")
}

// failing is a TB that notes its failure.
type failing struct {
	*testing.T
	text string
}

func (f *failing) Fatalf(format string, args ...any) { f.text = fmt.Sprintf(format, args...) }

func TestManySessionsShareOneTree(t *testing.T) {
	for name, root := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			srv := retrytest.NewServer(t, retrytest.Config{Root: root})
			var all sync.WaitGroup
			for i := range 8 {
				c := session(t, srv)
				all.Go(func() {
					for range 20 {
						reply, _ := c.upload(fmt.Sprint("STOR own", i), content)
						assert.Equal(t, "226 Transfer complete.", reply)
						reply, _ = c.upload("STOR shared", strings.Repeat(fmt.Sprint(i), 10))
						assert.Equal(t, "226 Transfer complete.", reply)
						data, _, _ := c.download("RETR shared")
						assert.LessOrEqual(t, len(data), 10)
						reply, _ = c.upload("APPE log", "x")
						assert.Equal(t, "226 Transfer complete.", reply)
						_, reply, _ = c.download("MLSD")
						assert.Equal(t, "226 Transfer complete.", reply)
					}
				})
			}
			all.Wait()
			assert.Len(t, srv.Names(), 10)
		})
	}
}

func TestTheTreeOnDiskCannotBeLeft(t *testing.T) {
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(outside+"/secret", []byte("x"), 0o600))
	root := t.TempDir()
	require.NoError(t, os.Symlink(outside, root+"/out"))
	srv := retrytest.NewServer(t, retrytest.Config{Root: root})
	c := session(t, srv)
	for _, line := range []string{"RETR out/secret", "SIZE out/secret", "RETR ../secret", "CWD out", "DELE out/secret"} {
		c.want(line, "550")
	}
	c.want("CWD ..", "250")
	c.want("PWD", `257 "/"`)
	_, err := srv.ReadFile("/out/secret")
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrNotExist))
}
