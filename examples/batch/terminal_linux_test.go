package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// pty opens a terminal of 100 columns and 30 lines: what is written to inside
// is read from outside.
func pty(t *testing.T) (outside, inside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = outside.Close() })
	control := func(request uintptr, argument unsafe.Pointer) {
		t.Helper()
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, outside.Fd(), request, uintptr(argument))
		require.Zero(t, errno)
	}
	var locked, number int32
	control(syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	control(syscall.TIOCGPTN, unsafe.Pointer(&number))
	size := [4]uint16{30, 100}
	control(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	return outside, inside
}

func TestBarsAreDrawnOnATerminalOnly(t *testing.T) {
	srv := server(t, retrytest.Config{Faults: []retrytest.Fault{
		{On: "STOR", Path: "b.txt", Times: 2, Reply: "452 \x1b]0;full\a"},
		{On: "DELE", Reply: "550 Not yours."},
	}})
	dir := put(t, map[string]string{"a.txt": "alpha", "b.txt": "beta", "list": "kind,local,remote\nupload,a.txt,a.txt\nupload,b.txt,b.txt\ndelete,,c.txt\n"})
	outside, inside := pty(t)
	p := prepare(t, dir, []string{"TERM=xterm"}, nil, join([]string{"run"}, to(srv, "-direct", "-policy", "storage.initial=700ms jitter=-1"), []string{"list"})...)
	p.cmd.Stderr = inside
	require.NoError(t, p.cmd.Start())
	require.NoError(t, inside.Close())
	drawn := make(chan string)
	go func() {
		text, _ := io.ReadAll(outside) // until the other side is closed, which is an error
		drawn <- string(text)
	}()
	require.Equal(t, someFailed, p.wait(), "and there is no escape in the report")
	var screen string
	select {
	case screen = <-drawn:
	case <-time.After(10 * time.Second):
		t.Fatal("the terminal is still open")
	}
	require.Contains(t, screen, "2 of 3  [====", "the whole")
	require.Contains(t, screen, "upload b.txt", "a worker")
	require.Contains(t, screen, `waits 1s: 452 "\x1b]0;full\a"`, "and what it waits for")
	require.Contains(t, screen, "failed: delete c.txt: ", "a failure above them")
	require.NotContains(t, screen, secret)
	require.Contains(t, p.out.String(), "THE RUN IN NUMBERS")
	last := screen[strings.LastIndex(screen, "\x1b["):]
	require.NotContains(t, last, "[==", "they are taken away in the end")
}

func TestThereAreNoBarsOnATerminalThatCannotDrawThem(t *testing.T) {
	srv, dir := eventful(t)
	outside, inside := pty(t)
	p := prepare(t, dir, []string{"TERM=dumb"}, nil, join([]string{"run"}, to(srv), []string{"list"})...)
	p.cmd.Stderr = inside
	require.NoError(t, p.cmd.Start())
	require.NoError(t, inside.Close())
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(outside)
		text <- string(all)
	}()
	require.Equal(t, someFailed, p.wait())
	screen := <-text
	require.NotContains(t, screen, "\x1b")
	require.Contains(t, screen, "failed: delete")
}
