package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// near fails the test unless took is want, or at most one part in slack more.
func near(t *testing.T, want, took time.Duration) {
	t.Helper()
	assert.GreaterOrEqual(t, took, want)
	assert.LessOrEqual(t, took, want+want/slack+time.Millisecond)
}

func TestAReplyIsAwaitedLineByLine(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(*pair)
		took  time.Duration // until it is given up; 0 = it is not
	}{
		{"no answer", func(*pair) {}, replyTime},
		{"a line now and then, as z/OS sends them", func(p *pair) {
			for range 10 {
				time.Sleep(replyTime * 3 / 4)
				_, _ = io.WriteString(p.server, "125-Retrying.\r\n")
			}
			_, _ = io.WriteString(p.server, "125 Go.\r\n250 Done.\r\n")
		}, 0},
		{"a byte now and then", func(p *pair) {
			for range 100 {
				time.Sleep(replyTime / 4)
				if _, err := io.WriteString(p.server, "2"); err != nil {
					return
				}
			}
		}, 0}, // given up as no reply: "22222"
		{"bytes of one line now and then", func(p *pair) {
			_, _ = io.WriteString(p.server, "250 ")
			for range 100 {
				time.Sleep(replyTime / 4)
				if _, err := io.WriteString(p.server, "x"); err != nil {
					return
				}
			}
		}, replyTime},
		{"lines without end", func(p *pair) {
			for {
				time.Sleep(replyTime / 2)
				if _, err := io.WriteString(p.server, "250-Wait.\r\n"); err != nil {
					return
				}
			}
		}, longestReply * replyTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				defer p.over()
				p.Bind(t.Context(), time.Now())
				go func() {
					if _, err := p.lines.ReadString('\n'); err == nil {
						c.serve(p)
					}
				}()
				_, err := p.control.Write([]byte("DELE a\r\n"))
				require.NoError(t, err)
				start := time.Now()
				err = p.control.await()
				if c.took == 0 {
					if c.name == "a byte now and then" {
						require.ErrorContains(t, err, "not an FTP reply")
						return
					}
					require.NoError(t, err)
					return
				}
				near(t, c.took, time.Since(start))
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				assert.ErrorContains(t, err, "no end of a reply to DELE within")
				assert.True(t, isTimeout(err))
				assert.True(t, p.Exchange().Unknown())
				assert.False(t, p.InStep())
			})
		})
	}
}

func TestTheGreetingIsBoundedByTheTimeToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connected(t, func(c *Config) { c.Connect, c.Reply = 5*time.Second, time.Hour })
		start := time.Now()
		_, err := p.read()
		require.ErrorContains(t, err, "no end of a greeting within 5s")
		assert.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestAServerThatTakesNothingIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		start := time.Now()
		_, err := p.control.Write([]byte("NOOP\r\n")) // net.Pipe: nobody reads
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		near(t, replyTime, time.Since(start))
		assert.False(t, p.Exchange().Sent)
	})
}

func TestQuitTakesNoLongerThanItMay(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(*pair)
		took  time.Duration
	}{
		{"a server that answers", func(p *pair) { p.answers("221 Bye.\r\n") }, 0},
		{"a server that does not answer", func(p *pair) { go func() { _, _ = p.lines.ReadString('\n') }() }, time.Second},
		{"a server that takes nothing", func(*pair) {}, time.Second},
		{"a server that says too little, slowly", func(p *pair) {
			go func() {
				_, _ = p.lines.ReadString('\n')
				for {
					time.Sleep(300 * time.Millisecond)
					if _, err := io.WriteString(p.server, "221-x\r\n"); err != nil {
						return
					}
				}
			}()
		}, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				defer p.over()
				c.serve(p)
				start := time.Now()
				p.Quit(time.Second)
				assert.Equal(t, c.took, time.Since(start))
				assert.False(t, p.InStep())
				assert.ErrorIs(t, p.Broken(), net.ErrClosed)
			})
		})
	}
}

func TestQuitSaysNothingOnASessionOutOfStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		p.Break(errTest)
		p.Break(io.EOF)
		assert.Equal(t, errTest, p.Broken(), "the first reason is the reason")
		p.Quit(time.Minute)
		_, err := p.lines.ReadString('\n')
		assert.Equal(t, io.EOF, err)
	})
}

func TestTheFinalReplyOfAFailedTransferIsAwaitedBriefly(t *testing.T) {
	// pure-ftpd sends none when the client hangs up on a RETR.
	synctest.Test(t, func(t *testing.T) {
		p := greet(t, func(c *Config) { c.Reply = time.Hour })
		p.Bind(t.Context(), time.Now())
		d := p.transfer()
		p.answers("150 Go.\r\n")
		_, err := p.control.Write([]byte("RETR a\r\n"))
		require.NoError(t, err)
		_, err = p.read()
		require.NoError(t, err)
		require.NoError(t, d.Close(), "abandoned before its end")
		start := time.Now()
		_, err = p.read()
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, hurriedReply, time.Since(start))
	})
}

func TestDeadlinesOfTheFTPPackageAreNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		require.NoError(t, p.control.SetDeadline(past))
		require.NoError(t, p.control.SetReadDeadline(past))
		require.NoError(t, p.control.SetWriteDeadline(past))
		require.NoError(t, p.tell("NOOP", "200 Fine.\r\n"))
	})
}

func TestTheEndOfTheContextEndsWhateverWaits(t *testing.T) {
	cause := errors.New("caller has had enough")
	for _, c := range []struct {
		name string
		wait func(*pair) error
	}{
		{"for a reply", func(p *pair) error {
			go func() { _, _ = p.lines.ReadString('\n') }()
			if _, err := p.control.Write([]byte("NOOP\r\n")); err != nil {
				return err
			}
			_, err := p.read()
			return err
		}},
		{"to send a command", func(p *pair) error { _, err := p.control.Write([]byte("NOOP\r\n")); return err }},
		{"for data", func(p *pair) error { _, err := p.transfer().Read(make([]byte, 10)); return err }},
		{"to send data", func(p *pair) error { _, err := p.transfer().Write(make([]byte, 10)); return err }},
		{"for a copy in", func(p *pair) error { _, err := p.transfer().WriteTo(io.Discard); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				require.True(t, p.Bind(ctx, time.Now()))
				time.AfterFunc(3*time.Second, func() { cancel(cause) })
				start := time.Now()
				require.Equal(t, cause, c.wait(p))
				assert.Equal(t, 3*time.Second, time.Since(start))
				assert.False(t, p.InStep(), "a session that was interrupted is not used again")
			})
		})
	}
}

func TestTheEndOfAContextConcernsTheSessionOnlyWhileBound(t *testing.T) {
	t.Run("after Unbind it does not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			ctx, cancel := context.WithCancel(t.Context())
			p.Bind(ctx, time.Now())
			p.Unbind()
			cancel()
			synctest.Wait()
			assert.True(t, p.InStep())
			require.True(t, p.Bind(t.Context(), time.Now()))
			require.NoError(t, p.tell("NOOP", "200 Fine.\r\n"))
		})
	})
	t.Run("the context of an earlier operation does not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			ctx, cancel := context.WithCancel(t.Context())
			p.Bind(ctx, time.Now())
			p.Unbind()
			p.Bind(context.Background(), time.Now())
			cancel()
			synctest.Wait()
			require.NoError(t, p.tell("NOOP", "200 Fine.\r\n"))
		})
	})
	t.Run("bound again to the same context, it does", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			ctx, cancel := context.WithCancel(t.Context())
			p.Bind(ctx, time.Now())
			p.Unbind()
			p.Bind(ctx, time.Now())
			cancel()
			synctest.Wait()
			assert.ErrorIs(t, p.tell("NOOP", "200 Fine.\r\n"), context.Canceled)
		})
	})
	t.Run("one that had ended before Bind ends what comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			ctx, cancel := context.WithCancel(t.Context())
			p.Bind(ctx, time.Now())
			p.Unbind()
			cancel()
			synctest.Wait()
			p.Bind(ctx, time.Now())
			assert.ErrorIs(t, p.tell("NOOP", "200 Fine.\r\n"), context.Canceled)
			assert.False(t, p.Bind(t.Context(), time.Now()), "the session was cut short and says it is well")
		})
	})
}

func TestBindingAndTheEndOfContextsDoNotRace(t *testing.T) {
	for range 200 {
		p := greet(t)
		var wg sync.WaitGroup
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			wg.Add(1)
			go func() {
				defer wg.Done()
				cancel()
			}()
			if !p.Bind(ctx, time.Now()) {
				break
			}
			err := p.tell("NOOP", "200 Fine.\r\n")
			p.Unbind()
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
				require.False(t, p.InStep())
				break
			}
		}
		wg.Wait()
		p.Close()
	}
}

func TestStaleSeesWhatAnIdleServerDid(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(net.Conn)
		want bool
	}{
		{"nothing", func(net.Conn) {}, false},
		{"it hung up", func(c net.Conn) { _ = c.Close() }, true},
		{"it reset the connection", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }, true},
		{"it pushed a reply", func(c net.Conn) { _, _ = io.WriteString(c, "421 Timeout.\r\n") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, server := loopback(t)
			require.False(t, s.Stale())
			c.do(server)
			assert.Equal(t, c.want, s.Stale())
			assert.Equal(t, c.want, s.Stale(), "it consumes nothing")
			if !c.want {
				_, err := fmt.Fprint(server, "200 Fine.\r\n")
				require.NoError(t, err)
				s.control.pending = 1
				require.NoError(t, s.control.await())
			}
		})
	}
	assert.False(t, new(Session).Stale(), "where there is no way to know")
}

// loopback is a session over sockets.
func loopback(t testing.TB, change ...func(*Config)) (*Session, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg := &Config{Addr: l.Addr().String(), Connect: time.Minute, Reply: replyTime, Stall: stallTime}
	for _, f := range change {
		f(cfg)
	}
	s, err := Connect(t.Context(), cfg)
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = s.DialFunc("tcp", cfg.Addr)
	require.NoError(t, err)
	_, err = io.WriteString(server, "220 Ready.\r\n")
	require.NoError(t, err)
	require.NoError(t, s.control.await())
	s.Greeted()
	t.Cleanup(func() {
		s.Close()
		_ = server.Close()
	})
	return s, server
}

// linked is a session over sockets and a data connection of it.
func linked(t testing.TB, change ...func(*Config)) (*Session, *Data, *net.TCPConn) {
	t.Helper()
	s, _ := loopback(t, change...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	conn, err := s.DialFunc("tcp", l.Addr().String())
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	t.Cleanup(func() { _ = server.Close() })
	return s, conn.(*Data), server.(*net.TCPConn)
}
