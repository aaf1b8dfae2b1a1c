package retry

import (
	"context"
	"errors"

	"github.com/ftpretry/ftpretry/policy"
)

// Client moves files to and from one FTP server. It keeps up to
// Config.MaxConns sessions and is safe for concurrent use. Make one with
// [New]; the zero Client is not usable.
type Client struct {
	runner
	pool   *pool
	upload UploadMode
	verify VerifyMode
}

// New returns a client for the server that cfg describes. It connects to
// nothing yet. The error is a *[ConfigError], or a *policy.Error for the
// policy.
func New(cfg Config) (*Client, error) {
	if err := cfg.settle(); err != nil {
		return nil, err
	}
	e := newEndpoint(&cfg)
	p := newPool(e)
	return &Client{
		runner: runner{sessions: p, policy: cfg.Policy, classifier: cfg.Classifier, budget: cfg.Budget, hooks: cfg.Hooks, stats: &e.stats},
		pool:   p,
		upload: cfg.Upload,
		verify: cfg.Verify,
	}, nil
}

// WithPolicy returns a client that uses the same connections under another
// policy. A policy that is not valid ends every operation with that error.
func (c *Client) WithPolicy(p policy.Policy) *Client {
	other := *c
	other.policy = p.Clone()
	other.mistake = p.Validate()
	return &other
}

// WithHooks returns a client that uses the same connections and tells other
// hooks.
func (c *Client) WithHooks(h Hooks) *Client {
	other := *c
	other.hooks = h
	return &other
}

// Hooks returns the hooks that the client tells, to be joined to others by
// [Hooks.And].
func (c *Client) Hooks() Hooks { return c.hooks }

// Addr returns the server's address, "host:port".
func (c *Client) Addr() string { return c.pool.addr() }

// User returns the name under which the client logs in.
func (c *Client) User() string {
	if c.pool == nil {
		return ""
	}
	return c.pool.endpoint.cfg.User
}

// WithUpload returns a client that uses the same connections and uploads
// otherwise. A mode that does not exist ends every operation with that error.
func (c *Client) WithUpload(mode UploadMode) *Client {
	other := *c
	other.upload = mode
	if mode < Direct || mode > Atomic {
		other.mistake = errUpload(mode)
	}
	return &other
}

// Stats returns what was done over the client's connections since New, by all
// clients that share them.
func (c *Client) Stats() Stats {
	if c.stats == nil {
		return Stats{}
	}
	s := c.stats.snapshot()
	s.Budget = c.budget.Left()
	c.pool.describe(&s)
	return s
}

// Close ends the idle connections and refuses further operations, for every
// client that shares them. Operations under way finish their attempt; there is no
// other one, and who waits for it, or for a session, returns at once ([ErrClosed]).
// It returns nil, within about a second, and may be called twice.
func (c *Client) Close() error {
	if c.pool != nil {
		c.pool.close()
	}
	return nil
}

// errZero is what a Client or Conn that nobody has made is good for.
var errZero = errors.New("made by nobody: use New or Dial")

var errNilContext = errors.New("context is nil: use context.Background()")

// usable is why an operation cannot be run at all, nil if it can.
func (r *runner) usable(ctx context.Context, op *operation) error {
	switch {
	case r.stats == nil:
		return errZero
	case op.invalid != nil:
		return op.invalid
	case r.mistake != nil:
		return r.mistake
	case ctx == nil:
		return errNilContext
	}
	return nil
}
