//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// The addresses at the two ends of the link.
const (
	nearIP = "10.78.21.1"
	farIP  = "10.78.21.2"
)

// link joins two network namespaces by a pair of TUN devices, between which
// this program carries every packet after a delay. The kernel's own means,
// netem, is not built into every kernel.
type link struct {
	near, far string // the namespaces: of the clients and of the server
}

// open makes the namespaces and the link. It ends with the program at the
// latest, but for the namespaces, which close removes.
func open(delay time.Duration) (*link, error) {
	id := strconv.Itoa(os.Getpid())
	l := &link{near: "ftpretry-near-" + id, far: "ftpretry-far-" + id}
	var ends []*os.File
	for i, end := range []struct{ space, ip, peer string }{{l.near, nearIP, farIP}, {l.far, farIP, nearIP}} {
		device := fmt.Sprintf("fr%s-%d", id, i)
		if err := ip("netns", "add", end.space); err != nil {
			l.close()
			return nil, err
		}
		f, err := tun(device)
		if err != nil {
			l.close()
			return nil, err
		}
		ends = append(ends, f)
		for _, args := range [][]string{
			{"link", "set", device, "netns", end.space},
			{"-n", end.space, "addr", "add", end.ip + "/32", "peer", end.peer, "dev", device},
			{"-n", end.space, "link", "set", device, "txqueuelen", "20000", "up"},
			{"-n", end.space, "link", "set", "lo", "up"},
		} {
			if err := ip(args...); err != nil {
				l.close()
				return nil, err
			}
		}
	}
	go carry(ends[0], ends[1], delay)
	go carry(ends[1], ends[0], delay)
	return l, nil
}

// close removes the namespaces; the devices go with them.
func (l *link) close() {
	for _, space := range []string{l.near, l.far} {
		_ = ip("netns", "del", space) // it may not have come to be
	}
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// tun makes a TUN device (Documentation/networking/tuntap.rst of the kernel).
// It may be moved to another namespace and stays with its file.
func tun(name string) (*os.File, error) {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	const noPacketInformation = 0x1000 // IFF_NO_PI
	var request struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], name)
	request.flags = syscall.IFF_TUN | noPacketInformation
	if _, _, no := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TUNSETIFF, uintptr(unsafe.Pointer(&request))); no != 0 {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("TUNSETIFF %s: %w", name, no)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// packet is one that is under way.
type packet struct {
	due time.Time
	b   []byte
}

// carry takes packets from one end to the other, in order.
func carry(from, to *os.File, delay time.Duration) {
	way := make(chan packet, 1<<16)
	go func() {
		for p := range way {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.b) // one that is lost is sent again
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return // the device went with its namespace
		}
		way <- packet{time.Now().Add(delay), slices.Clone(buf[:n])}
	}
}

// trip is the shortest of some round trips, as connections to addr take them.
func (l *link) trip(addr string) (time.Duration, error) {
	cmd, err := l.self(l.near, "-role", "client", "-job", `{"Program":"connect","Site":{"Addr":"`+addr+`"}}`)
	if err != nil {
		return 0, err
	}
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(strings.TrimSpace(string(out)))
}

// connect prints the shortest time of some connections.
func connect(addr string) error {
	least := time.Hour
	for range 20 {
		began := time.Now()
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		least = min(least, time.Since(began))
		_ = conn.Close() // nothing was sent on it
	}
	fmt.Println(least)
	return nil
}
