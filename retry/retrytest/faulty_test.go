package retrytest_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// front is what clients connect to and faults are scripted at: a server, or a
// proxy.
type front interface {
	address
	Inject(faults ...retrytest.Fault)
	ClearFaults()
	Pending() int
	Commands() []string
	Log() []retrytest.Event
	Push(reply string)
	Kick(cut retrytest.Cut)
	Down()
	Up() error
	Sessions() int
	Close()
}

// faulty is a server with a script of faults, its own or that of a proxy
// before it.
type faulty struct {
	front
	tree
	proxied bool
}

// tree is what a test looks at on the server, whatever stands before it.
type tree interface {
	WriteFile(name string, data []byte) error
	ReadFile(name string) ([]byte, error)
	Remove(name string) error
	Exists(name string) bool
	Names() []string
}

// own is a reply that nobody scripted: the server's to its own fault, or to
// what the proxy makes of it.
func (f faulty) own(direct, proxied string) string {
	if f.proxied {
		return proxied
	}
	return direct
}

// size is that of a file on the server.
func (f faulty) size(t *testing.T, name string) int {
	t.Helper()
	data, err := f.ReadFile(name)
	require.NoError(t, err)
	return len(data)
}

func prepare(t *testing.T, cfg retrytest.Config) *retrytest.Server {
	t.Helper()
	srv := retrytest.NewServer(t, cfg)
	require.NoError(t, srv.WriteFile("/old.txt", []byte(content)))
	require.NoError(t, srv.Mkdir("/dir"))
	return srv
}

// everywhere runs a test over sockets, and in memory inside a bubble.
func everywhere(t *testing.T, cfg retrytest.Config, test func(t *testing.T, srv *retrytest.Server)) {
	t.Helper()
	t.Run("over sockets", func(t *testing.T) { test(t, prepare(t, cfg)) })
	t.Run("in memory", func(t *testing.T) {
		cfg.InMemory = true
		synctest.Test(t, func(t *testing.T) { test(t, prepare(t, cfg)) })
	})
}

// inMemory runs a test in memory with the faults in the server, and with them
// in a proxy before it.
func inMemory(t *testing.T, cfg retrytest.Config, test func(t *testing.T, srv faulty)) {
	t.Helper()
	cfg.InMemory = true
	t.Run("in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			srv := prepare(t, cfg)
			test(t, faulty{srv, srv, false})
		})
	})
	t.Run("through the proxy in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, throughProxy(t, prepare(t, cfg), retrytest.ProxyConfig{})) })
	})
}

// everyFront runs a test in every way: the faults in the server or in the proxy,
// with sockets or without.
func everyFront(t *testing.T, cfg retrytest.Config, test func(t *testing.T, srv faulty)) {
	t.Helper()
	inMemory(t, cfg, test)
	t.Run("over sockets", func(t *testing.T) {
		srv := prepare(t, cfg)
		test(t, faulty{srv, srv, false})
	})
	t.Run("through the proxy over sockets", func(t *testing.T) {
		test(t, throughProxy(t, prepare(t, cfg), retrytest.ProxyConfig{}))
	})
}

// throughProxy puts a proxy before a server, in memory if the server is.
func throughProxy(t *testing.T, srv *retrytest.Server, cfg retrytest.ProxyConfig) faulty {
	t.Helper()
	host, _, err := net.SplitHostPort(srv.Addr())
	require.NoError(t, err)
	cfg.InMemory = host != "127.0.0.1"
	cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) { return srv.Dial(ctx, network, addr) }
	return faulty{retrytest.NewProxy(t, srv.Addr(), cfg), srv, true}
}
