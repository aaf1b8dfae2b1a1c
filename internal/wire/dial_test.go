package wire

import (
	"context"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDataConnectionsGoWhereTheServerIs(t *testing.T) {
	var asked []string
	p := connected(t, func(c *Config) {
		dial := c.Dialer
		c.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			asked = append(asked, addr)
			return dial(ctx, network, addr)
		}
	})
	assert.Equal(t, "192.0.2.1:21", p.control.RemoteAddr().String(), "the ftp package needs a TCP address")
	p.transfer()
	assert.Equal(t, []string{"ftp.example:21", "ftp.example:4000"}, asked)
	for _, bad := range []string{"192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x", "192.0.2.1"} {
		_, err := p.openData(bad)
		assert.Error(t, err, bad)
	}
	assert.Len(t, asked, 2)
}

func TestADialThatFailsIsToldInItsOwnWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		dial   func(context.Context) (net.Conn, error)
		cancel bool
		text   string
		is     error
	}{
		{"a server that does not answer", func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, false, "no connection to ftp.example:21 within 1m0s", nil},
		{"a dialer that returns nothing", func(context.Context) (net.Conn, error) { return nil, nil }, false, "neither a connection nor an error", nil},
		{"a dialer that fails", func(context.Context) (net.Conn, error) { return nil, errTest }, false, "", errTest},
		{"a context that ends meanwhile", func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, errTest }, true, "", context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.cancel {
					time.AfterFunc(time.Second, cancel)
				}
				s, err := Connect(ctx, &Config{Addr: "ftp.example:21", Connect: time.Minute, Reply: replyTime, Stall: stallTime,
					Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) }})
				require.Error(t, err)
				require.NotNil(t, s)
				assert.Equal(t, Exchange{}, s.Exchange())
				if c.is != nil {
					assert.ErrorIs(t, err, c.is)
				} else {
					assert.NotErrorIs(t, err, context.DeadlineExceeded, "it would be taken for the caller's")
				}
				assert.True(t, strings.Contains(err.Error(), c.text), err.Error())
				s.Close()
			})
		})
	}
	_, err := Connect(t.Context(), &Config{Addr: "no port", Connect: time.Minute})
	require.Error(t, err)
}

func TestADataConnectionThatCannotBeMadeBreaksTheSession(t *testing.T) {
	s, _ := loopback(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = s.DialFunc("tcp", l.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.Equal(t, err, s.broken, "the server may say later what it waited for in vain")
	assert.False(t, s.InStep())
}

func TestADeadlineWithoutATimer(t *testing.T) {
	soon, late := time.Now().Add(time.Minute), time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), soon)
	defer cancel()
	for _, c := range []struct {
		of   context.Context
		at   time.Time
		want time.Time
	}{{t.Context(), late, late}, {ctx, late, soon}, {ctx, soon.Add(-time.Second), soon.Add(-time.Second)}} {
		got, ok := (&deadlineContext{c.of, c.at}).Deadline()
		assert.True(t, ok)
		assert.Equal(t, c.want, got)
	}
}
