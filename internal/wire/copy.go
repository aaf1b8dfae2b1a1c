package wire

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// bufferSize is what a copy through user space moves at once: large enough
	// not to be bound by the number of reads, and small enough to stay in the
	// processor's cache (BenchmarkOverhead, op=Retr256MiB: twice as much is
	// slower against a server on the same machine).
	bufferSize = 64 << 10

	// A zero-copy chunk begins small and grows while it takes little time, so
	// that progress is told often enough, a slow line is not taken for a
	// stalled one, and a fast one is not held up.
	firstChunk = 256 << 10
	mostChunk  = 32 << 20
	shortChunk = 25 * time.Millisecond
	longChunk  = 100 * time.Millisecond

	// writePiece is what is written at once of content that is in memory.
	writePiece = 8 << 20

	// tlsPiece is what is written at once over TLS, where a write that timed
	// out half-way cannot be continued: it must fit into the stall timeout.
	tlsPiece = 32 << 10

	// rearm is the part of the stall timeout after which a deadline is set
	// anew: setting it at each read costs more than it tells.
	rearm = 32
)

// mostEmpty is how often in a row a reader may give nothing.
const mostEmpty = 100

// buffers and largeBuffers hold the copy buffers of all sessions.
var (
	buffers      = sync.Pool{New: func() any { return new([bufferSize]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([gatherSize]byte) }}
)

// ReadFrom sends what r has, by sendfile where r is a regular file and there is
// no TLS. When r fails, the connection is reset: an orderly close would make
// the server store a truncated file as a complete one.
func (d *Data) ReadFrom(r io.Reader) (int64, error) {
	d.upload = true
	switch {
	case d.half:
		return 0, nil
	case d.caller != nil:
		return 0, d.caller
	case d.failed != nil:
		return 0, d.failed
	}
	if tcp, ok := d.raw.(*net.TCPConn); ok && d.tls == nil && regular(r) {
		return d.chunks(io.LimitedReader{R: r}, tcp.ReadFrom, d.armWrite, d.sentBytes)
	}
	d.keepAlive() // r may take its time
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	var total int64
	for empty := 0; ; {
		n, rerr := r.Read(buf[:])
		if n > 0 {
			empty = 0
		} else if empty++; rerr == nil && (empty > mostEmpty || d.s.cut.Load()) {
			rerr = io.ErrNoProgress
		}
		if n < 0 || n > len(buf) {
			n, rerr = 0, errors.New("reader returned an impossible count")
		}
		if n > 0 {
			wrote, err := d.Write(buf[:n])
			total += int64(wrote)
			if err != nil && (rerr == nil || rerr == io.EOF) {
				return total, err
			}
		}
		if rerr == io.EOF {
			return total, nil
		}
		if rerr != nil { // outranks what the write failed of: the upload cannot be made whole
			return total, d.callerFailed(rerr)
		}
	}
}

// WriteTo receives into w until the server ends the connection, by splice
// where w is a regular file and there is no TLS. It returns nil at the end of
// the data, as io.Copy does.
func (d *Data) WriteTo(w io.Writer) (int64, error) {
	if tcp, ok := d.raw.(*net.TCPConn); ok && d.tls == nil && regular(w) {
		if to, ok := w.(io.ReaderFrom); ok {
			n, err := d.chunks(io.LimitedReader{R: tcp}, to.ReadFrom, d.armReadAlways, func(n int) { d.received(n); d.paced(n) })
			if err == nil {
				d.eof = true
				d.s.downloaded()
			}
			return n, err
		}
	}
	first := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(first)
	buf := first[:]
	defer d.keepLast()
	var total int64
	for {
		n, err := d.Read(buf)
		if n > 0 {
			wrote, werr := w.Write(buf[:n])
			total += int64(max(0, min(wrote, n)))
			d.delivered = buf[:max(0, min(wrote, n))]
			if werr == nil && wrote != n {
				werr = io.ErrShortWrite
			}
			if werr != nil {
				return total, d.callerFailed(werr)
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if d.paced(n); d.gathering.on && len(buf) < gatherSize {
			large := largeBuffers.Get().(*[gatherSize]byte)
			defer largeBuffers.Put(large) // once: it is not replaced
			d.keepLast()
			buf = large[:]
		}
	}
}

// keepLast takes what was delivered last out of a buffer that goes back to the
// pool.
func (d *Data) keepLast() {
	d.s.last = append(d.s.last[:0], d.delivered[max(0, len(d.delivered)-lastBytes):]...)
	d.delivered = d.s.last
}

// lastBytes is how many of the bytes delivered last are kept.
const lastBytes = 1024

// chunks moves one side to the other inside the kernel, a chunk at a time, so
// that the stall deadline can be set anew and bytes are counted.
func (d *Data) chunks(lr io.LimitedReader, move func(io.Reader) (int64, error), arm func(), count func(int)) (int64, error) {
	var total int64
	chunk := int64(firstChunk)
	for {
		arm()
		start := time.Now()
		lr.N = chunk
		n, err := move(&lr)
		total += n
		count(int(n))
		if over := d.overrun(); over != nil {
			return total, over
		}
		switch took := time.Since(start); {
		case err != nil && isTimeout(err) && d.mayGoOn() && (d.late(err) || n > 0 || d.sluggish()):
			chunk = firstChunk
		case err != nil && !ofNetwork(err):
			return total, d.callerFailed(err)
		case err != nil:
			return total, d.ended(err)
		case n < chunk:
			return total, nil
		case took < shortChunk:
			chunk = min(2*chunk, mostChunk)
		case took > longChunk:
			chunk = max(chunk/2, firstChunk)
		}
	}
}

// regular reports whether f is a regular file of the operating system, which
// the kernel can copy to and from a socket. Windows spells the errors of that
// in its own way, so that whose fault one is could not be told.
func regular(f any) bool {
	if runtime.GOOS == "windows" {
		return false
	}
	if _, ok := f.(syscall.Conn); !ok {
		return false
	}
	s, ok := f.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := s.Stat()
	return err == nil && info.Mode().IsRegular()
}

// ofNetwork reports whether the error of a copy inside the kernel is the
// socket's. Any other is taken for the file's, after which nothing is replayed:
// the safe mistake.
func ofNetwork(err error) bool {
	if isTimeout(err) || errors.Is(err, net.ErrClosed) {
		return true
	}
	for _, no := range []syscall.Errno{
		syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ETIMEDOUT, syscall.ENOTCONN,
		syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENETRESET,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}
