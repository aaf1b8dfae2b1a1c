package retry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

// Config says which server to use and how. It is copied and validated by [New]
// and [Dial]; a zero field has the default stated at it.
type Config struct {
	Addr     string // "host:port", required; ":21" is added when missing (":990" with ImplicitTLS)
	User     string // "" = "anonymous"
	Password string // for the anonymous user, "" = "anonymous"

	// TLS makes it FTP over TLS (RFC 4217), never a byte of a user, a password
	// or a file without; nil = plain FTP. It is cloned. ServerName = "" is the
	// host of Addr. ClientSessionCache is not used: the connections of one
	// session share a cache of its own, for servers that demand it.
	TLS         *tls.Config
	ImplicitTLS bool // TLS from the first byte instead of AUTH TLS; needs TLS

	// Dial makes control and data connections, through a proxy for example;
	// nil = a net.Dialer. Its context ends with the operation's, and after
	// ConnectTimeout.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// FTP holds options of the ftp package for what it does itself: EPSV,
	// UTF8, MLSD, location and the like. Dialer, TLS, context, timeouts and
	// debug output are this package's own: TLS options are refused, the
	// others have no effect.
	FTP []ftp.DialOption

	MaxConns int // sessions at once; 0 = 4

	// LimitInterval is how long fewer sessions than MaxConns are used after
	// the server has refused one more ("421 too many users" and the like),
	// until one more is tried, and another after the same time again; 0 = 5m,
	// < 0 = what was learned is kept. A single refusal may be an accident: it
	// is tried again sooner, whatever this is.
	LimitInterval time.Duration

	ConnectTimeout time.Duration // to connect, shake hands and be greeted; also for a data connection; 0 = 30s
	ReplyTimeout   time.Duration // for each line of a reply; 0 = 2m
	StallTimeout   time.Duration // a transfer that moves no byte for this long has failed; 0 = 1m
	IdleTimeout    time.Duration // an unused session is closed after this; 0 = 1m

	// A listing is held in memory as a whole, some 200 bytes for an entry: a
	// million take 200 MB, 100,000 stay under 32 MiB. One that goes beyond
	// these bounds, as that of a hostile server may, is given up at once with
	// [ErrPermanent]; so is one with a line of 64 KiB. They hold for every
	// LIST, MLSD and NLST, those of functions given to Do included.
	MaxListEntries int   // lines of one listing; 0 = 1,000,000
	MaxListBytes   int64 // bytes of one listing; 0 = 256 MiB

	Policy     policy.Policy        // zero = the default policy
	Budget     *policy.Budget       // bounds the replays of all operations together; nil = no bound
	Classifier transient.Classifier // nil = the default rules
	Upload     UploadMode           // zero = Direct
	Verify     VerifyMode           // zero = VerifySize

	// TempName is the pattern of the temporary names of atomic uploads, with
	// {random} for the part that makes them unique and {name} for the final
	// name; "" = "{name}.{random}.ftpretry". They are in the same directory.
	TempName string
	// ReplaceByDelete allows an atomic upload to delete the file that is in
	// its way, on a server that refuses to rename onto a name that exists
	// (IIS). For a moment there is no file under that name then.
	ReplaceByDelete bool

	Hooks Hooks
}

// UploadMode is how Stor and StorFile put a file in its place.
type UploadMode int

const (
	// Direct writes under the final name. A reader may see a half-written
	// file, and one stays there when the operation is cancelled.
	Direct UploadMode = iota
	// Atomic writes under a temporary name in the same directory, verifies,
	// and renames. The final name never shows a half-written file.
	Atomic
)

// VerifyMode is how a transfer that the server calls complete is checked.
type VerifyMode int

const (
	// VerifySize compares the bytes transferred with the size the server
	// reports: SIZE, or MLST or LIST where it has no SIZE.
	VerifySize VerifyMode = iota
	// VerifyNone believes the server's final reply. Some servers answer 226
	// for an upload that was cut off.
	VerifyNone
	// VerifyHash compares a hash computed by the server, with the strongest
	// algorithm it offers (HASH, XSHA512, XSHA256, XSHA1, XMD5, XCRC), and
	// the size. A server that offers none is asked for the size.
	VerifyHash
)

// ConfigError is a mistake in a [Config].
type ConfigError struct {
	Field string // "Addr"
	Value string // what it was; never a password
	Want  string // what is allowed
}

// Error returns one line: config: MaxConns is -1: want 1 or more, or 0 for 4.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("config: %s is %s: want %s", e.Field, e.Value, e.Want)
}

// settle fills in the defaults of c and validates it.
func (c *Config) settle() error {
	if err := c.settleAddr(); err != nil {
		return err
	}
	if c.User == "" {
		c.User = "anonymous"
	}
	if c.User == "anonymous" && c.Password == "" {
		c.Password = "anonymous"
	}
	if strings.ContainsAny(c.User, "\r\n\x00") {
		return &ConfigError{"User", strconv.Quote(c.User), "a name without line ends and NUL"}
	}
	if strings.ContainsAny(c.Password, "\r\n\x00") {
		return &ConfigError{"Password", "not sendable", "one without line ends and NUL"}
	}
	if c.ImplicitTLS && c.TLS == nil {
		return &ConfigError{"ImplicitTLS", "set without TLS", "TLS set too, to &tls.Config{} at least"}
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
	}
	if c.MaxConns < 0 {
		return &ConfigError{"MaxConns", strconv.Itoa(c.MaxConns), "1 or more, or 0 for 4"}
	}
	if c.MaxConns == 0 {
		c.MaxConns = 4
	}
	if c.LimitInterval == 0 {
		c.LimitInterval = 5 * time.Minute
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		standard time.Duration
	}{
		{"ConnectTimeout", &c.ConnectTimeout, 30 * time.Second},
		{"ReplyTimeout", &c.ReplyTimeout, 2 * time.Minute},
		{"StallTimeout", &c.StallTimeout, time.Minute},
		{"IdleTimeout", &c.IdleTimeout, time.Minute},
	} {
		if *d.value < 0 {
			return &ConfigError{d.name, d.value.String(), "a positive duration, or 0 for " + d.standard.String()}
		}
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if err := c.settleBounds(); err != nil {
		return err
	}
	c.Policy = c.Policy.Clone()
	if err := c.Policy.Validate(); err != nil {
		return err
	}
	if c.Upload < Direct || c.Upload > Atomic {
		return errUpload(c.Upload)
	}
	if err := c.settleTemp(); err != nil {
		return err
	}
	if c.Verify < VerifySize || c.Verify > VerifyHash {
		return &ConfigError{"Verify", strconv.Itoa(int(c.Verify)), "VerifySize, VerifyNone or VerifyHash"}
	}
	if c.Classifier == nil {
		c.Classifier = transient.New()
	}
	c.FTP = append([]ftp.DialOption(nil), c.FTP...)
	return c.tryOptions()
}

func errUpload(mode UploadMode) error {
	return &ConfigError{"Upload", strconv.Itoa(int(mode)), "Direct or Atomic"}
}

// settleAddr completes Addr with its port.
func (c *Config) settleAddr() error {
	bad := func(want string) error { return &ConfigError{"Addr", strconv.Quote(c.Addr), want} }
	if c.Addr == "" {
		return bad(`"host:port" or "host"`)
	}
	if strings.ContainsAny(c.Addr, " /\\@\r\n\t\x00") || strings.Contains(c.Addr, "://") {
		return bad(`"host:port" without scheme, user or path`)
	}
	standard := "21"
	if c.ImplicitTLS {
		standard = "990"
	}
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		whole := c.Addr
		if net.ParseIP(whole) != nil && strings.Contains(whole, ":") {
			whole = "[" + whole + "]" // a bare IPv6 address
		}
		if host, port, err = net.SplitHostPort(whole + ":" + standard); err != nil {
			return bad(`"host:port", with an IPv6 address in brackets`)
		}
	}
	if port == "" {
		port = standard
	}
	if host == "" {
		return bad("a host before the port")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return bad("a port from 1 to 65535")
	}
	c.Addr = net.JoinHostPort(host, port)
	return nil
}

// errProbed ends the rehearsal of tryOptions.
var errProbed = errors.New("rehearsal over")

// tryOptions rehearses a login, without any network, to see what the options of
// the ftp package do: they cannot be looked into. One that would bring its own
// TLS must be refused here, because the ftp package would send the password
// before asking for TLS on the data connections.
func (c *Config) tryOptions() (err error) {
	defer func() {
		if recover() != nil {
			err = &ConfigError{"FTP", "an empty option", "options made by the ftp package's functions"}
		}
	}()
	if len(c.FTP) == 0 {
		return nil
	}
	probe := &rehearsal{reply: []byte("220 ready\r\n")}
	options := append(c.FTP[:len(c.FTP):len(c.FTP)],
		ftp.DialWithDebugOutput(nil),
		ftp.DialWithDialFunc(func(string, string) (net.Conn, error) { return probe, nil }))
	conn, err := ftp.Dial(c.Addr, options...)
	if err == nil {
		_ = conn.Login("anonymous", "anonymous")
	}
	if probe.tls {
		return &ConfigError{"FTP", "an option for TLS", "Config.TLS set instead, so that nothing is sent in the clear"}
	}
	return nil
}

// rehearsal is a server that accepts everything and has nothing.
type rehearsal struct {
	net.Conn
	reply []byte
	tls   bool
}

func (r *rehearsal) Write(p []byte) (int, error) {
	verb, _, _ := strings.Cut(strings.TrimSpace(string(p)), " ")
	switch verb {
	case "USER":
		r.reply = []byte("230 in\r\n")
	case "FEAT":
		r.reply = []byte("500 none\r\n")
	case "AUTH", "PBSZ", "PROT":
		r.tls = true
		return 0, errProbed
	default:
		r.reply = []byte("200 ok\r\n")
	}
	return len(p), nil
}

func (r *rehearsal) Read(p []byte) (int, error) {
	if len(r.reply) == 0 {
		return 0, errProbed
	}
	n := copy(p, r.reply)
	r.reply = r.reply[n:]
	return n, nil
}

func (r *rehearsal) Close() error                { return nil }
func (r *rehearsal) SetDeadline(time.Time) error { return nil }
func (r *rehearsal) RemoteAddr() net.Addr        { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 21} }
