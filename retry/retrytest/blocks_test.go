package retrytest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// A download goes on sending what it saw, whatever happens to the file.
func TestAReaderKeepsWhatItSaw(t *testing.T) {
	for name, change := range map[string]func(b *blocks){
		"the file is cut, and written to again": func(b *blocks) {
			b.resize(10)
			b.put(bytes.Repeat([]byte("X"), 50), 10)
		},
		"the file is overwritten": func(b *blocks) { b.put([]byte("WXYZ"), 3) },
		"the file is appended to": func(b *blocks) { b.put([]byte("WXYZ"), b.size) },
		"the file is emptied":     func(b *blocks) { b.resize(0); b.put(bytes.Repeat([]byte("X"), 200), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			var b blocks
			for range 10 {
				b.put(bytes.Repeat([]byte("."), 10), b.size)
			}
			seen := b.view(0)
			change(&b)
			if want := bytes.Repeat([]byte("."), 100); !bytes.Equal(seen, want) {
				t.Errorf("the reader sees %q", seen)
			}
		})
	}
}

// As the kernel does it: what was sent before is lost (RFC 2525 section 2.17).
func TestClosingWithUnreadInputResets(t *testing.T) {
	for name, row := range map[string]struct {
		unread string
		data   string
		want   error
	}{
		"everything was read, and the output arrives": {"", "output", io.EOF},
		"input is unread, and the output is lost":     {"input", "", syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := newPair(&net.TCPAddr{}, &net.TCPAddr{})
			for _, step := range []func() (int, error){
				func() (int, error) { return far.Write([]byte(row.unread)) },
				func() (int, error) { return near.Write([]byte("output")) },
				func() (int, error) { return 0, near.Close() },
			} {
				if _, err := step(); err != nil {
					t.Fatal(err)
				}
			}
			buf := make([]byte, 100)
			if row.data != "" {
				n, err := far.Read(buf)
				if err != nil || string(buf[:n]) != row.data {
					t.Fatalf("read %q, %v", buf[:n], err)
				}
			}
			if _, err := far.Read(buf); !errors.Is(err, row.want) {
				t.Errorf("the end is %v, want %v", err, row.want)
			}
		})
	}
}

// Errors of a disk and of a connection come out of one call, and deserve
// different replies.
func TestADisksErrorIsToldFromAConnections(t *testing.T) {
	var local storeError
	if err := sortOut(errno("write", "f", syscall.ENOSPC)); !errors.As(err, &local) {
		t.Errorf("a full disk is %v", err)
	} else if got := replyForWrite(local); got != "452 No space left on device." {
		t.Errorf("a full disk is answered %q", got)
	}
	if err := sortOut(errno("write", "f", syscall.EIO)); !errors.As(err, &local) {
		t.Errorf("a broken disk is %v", err)
	} else if got := replyForWrite(local); got != "451 Failure writing to local file." {
		t.Errorf("a broken disk is answered %q", got)
	}
	if err := sortOut(errno("write", "f", syscall.ECONNRESET)); errors.As(err, &local) {
		t.Errorf("a reset is %v", err)
	}
}
