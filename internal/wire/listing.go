package wire

import (
	"bytes"
	"errors"
	"fmt"
)

// maxLine bounds one line of a listing. The ftp package's scanner takes no
// longer one, and its own error says nothing of listings.
const maxLine = 64 << 10

// listing is how much of one has come.
type listing struct {
	lines, bytes int64
	line         int  // bytes of the line at hand
	total        bool // it begins with the line that ls begins with
	facts        bool // it is one of MLSD
	links        links
}

// entries is how many lines there were that are each an entry's.
func (l *listing) entries() int64 {
	if l == nil {
		return 0
	}
	if l.total {
		return l.lines - 1
	}
	return l.lines
}

// linked is the names that are symbolic links.
func (l *listing) linked() []string {
	if l == nil {
		return nil
	}
	return l.links.names
}

// lists reports whether the data connection of the last command brings a
// listing, which the ftp package holds in memory as a whole.
func (c *control) lists() bool {
	switch string(c.cmd[:c.verb]) {
	case "LIST", "MLSD", "NLST":
		return true
	}
	return false
}

// take takes note of what was received. Its error says which bound was met.
func (l *listing) take(p []byte, cfg *Config) error {
	first := bytes.IndexByte(p, '\n')
	if first < 0 {
		first = len(p)
	}
	long := l.line+first >= maxLine
	if l.bytes == 0 {
		l.total = bytes.HasPrefix(p, []byte("total "))
	}
	if last := bytes.LastIndexByte(p, '\n'); last >= 0 {
		l.line = len(p) - last - 1
	} else {
		l.line += len(p)
	}
	if l.facts {
		l.links.take(p)
	}
	l.bytes += int64(len(p))
	l.lines += int64(bytes.Count(p, []byte{'\n'}))
	switch {
	case long:
		return fmt.Errorf("listing has a line of more than %d KiB: no names can be taken from it", maxLine>>10)
	case cfg.ListEntries > 0 && l.lines > cfg.ListEntries:
		return fmt.Errorf("listing has more than %d entries: raise Config.MaxListEntries if the directory is that large", cfg.ListEntries)
	case cfg.ListBytes > 0 && l.bytes > cfg.ListBytes:
		return fmt.Errorf("listing is longer than %d bytes: raise Config.MaxListBytes if the directory is that large", cfg.ListBytes)
	}
	return nil
}

// errGivenUp is what is said of a session after a bound was met: there is no
// sense in waiting for the reply to a transfer that may have no end.
var errGivenUp = errors.New("connection given up")

// bound ends a download or a listing of which more has come than may. Of a
// listing that is the caller's own doing: another attempt would meet the bound
// again.
func (d *Data) bound(p []byte) error {
	if err := d.overrun(); err != nil {
		return err
	}
	if d.listing == nil {
		return nil
	}
	err := d.listing.take(p, d.s.cfg)
	if err == nil {
		return nil
	}
	err = d.callerFailed(err)
	_ = d.s.control.fail(errGivenUp)
	return err
}

// ErrOverrun is the end of a download of which more has come than was allowed.
var ErrOverrun = errors.New("more data than there may be")

// Limit has a download end with ErrOverrun as soon as more than n bytes of it
// have come; a copy inside the kernel finds out a chunk later.
func (d *Data) Limit(n int64) { d.most = n }

// overrun ends a download that has gone beyond its limit.
func (d *Data) overrun() error {
	if d.most <= 0 || d.in <= d.most {
		return nil
	}
	d.Abort()
	d.s.Break(ErrOverrun)
	_ = d.s.control.fail(errGivenUp)
	return ErrOverrun
}
