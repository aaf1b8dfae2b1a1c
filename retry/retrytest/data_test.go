package retrytest

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// interrupted is a listener with something that happens when a connection has
// come, and its session has not been told.
type interrupted struct {
	listener
	by func()
}

func (l *interrupted) Accept() (net.Conn, error) {
	conn, err := l.listener.Accept()
	l.by()
	return conn, err
}

func TestADataConnectionThatIsGivenUpWhileItComesIsNotUsed(t *testing.T) {
	for name, by := range map[string]func(s *session){
		"by ABOR":                   func(s *session) { assert.False(t, s.abortTransfer()) },
		"by the end of the session": (*session).hangUp,
	} {
		t.Run(name, func(t *testing.T) {
			srv, err := Start(Config{InMemory: true})
			require.NoError(t, err)
			defer srv.Close()
			theirs, _ := net.Pipe()
			s := newSession(srv, 1, theirs)
			addr, err := s.openPassive()
			require.NoError(t, err)
			s.passive = &interrupted{s.passive, func() { by(s) }}
			ours, err := srv.Dial(context.Background(), "tcp", addr.String())
			require.NoError(t, err)
			defer ours.Close()

			conn, err := s.acceptData()

			require.ErrorIs(t, err, net.ErrClosed, "nobody would end it")
			assert.Nil(t, conn)
			assert.Nil(t, s.data)
			_, err = ours.Read(make([]byte, 1))
			assert.Error(t, err)
		})
	}
}
