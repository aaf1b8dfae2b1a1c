package wire

import (
	"io"
	"net"
	"os"
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
				assert.ErrorIs(t, p.broken, net.ErrClosed)
			})
		})
	}
}

func TestQuitSaysNothingOnASessionOutOfStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		p.Break(errTest)
		p.Break(io.EOF)
		assert.Equal(t, errTest, p.broken, "the first reason is the reason")
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
