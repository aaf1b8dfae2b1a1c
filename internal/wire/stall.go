package wire

import (
	"net"
	"time"
)

// armRead sets the deadline of a read, as long as a stall may take.
func (d *Data) armRead() {
	now := time.Now()
	if d.gathering.on {
		_ = d.raw.SetReadDeadline(d.deadline(now, min(gatherWait, d.s.cfg.Stall)))
		d.s.holdInterrupt(d.raw)
		return
	}
	if now.Sub(d.armedIn) > d.s.cfg.Stall/rearm {
		d.armedIn = now
		d.keepAlive()
		_ = d.raw.SetReadDeadline(d.deadline(now, d.s.cfg.Stall))
		if d.tls != nil {
			_ = d.raw.SetWriteDeadline(d.deadline(now, d.s.cfg.Stall)) // TLS may answer what it reads
		}
		d.s.holdInterrupt(d.raw)
	}
}

func (d *Data) armReadAlways() {
	d.armedIn = time.Time{}
	d.armRead()
}

// armWrite is the same for a write.
func (d *Data) armWrite() {
	if d.out > 0 {
		d.keepAlive()
	}
	_ = d.raw.SetWriteDeadline(d.deadline(time.Now(), d.s.cfg.Stall))
	d.s.holdInterrupt(d.raw)
}

// mostSilent is the longest reply timeout with which a data connection need not be
// kept alive while its transfer is awaited: nothing between forgets one so soon
// (RFC 5382, section 5: after 2 hours and 4 minutes at the earliest; Azure's load
// balancer does after 4 minutes).
const mostSilent = 2 * time.Minute

// keepAlive has the kernel say something on the connection while nobody else
// does, as often as on any that net.Dialer makes: there are firewalls that forget
// idle ones. It is asked for before whatever may take long, a read, a read of the
// caller's source, a second write, the second line of a reply. What sends at once
// all that it has, and ends then, does without these four system calls.
func (d *Data) keepAlive() {
	if d.kept {
		return
	}
	d.kept = true
	if tcp, ok := d.raw.(*net.TCPConn); ok && d.s.cfg.Dialer == nil {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true})
	}
}

func (d *Data) deadline(now time.Time, within time.Duration) time.Time {
	t := now.Add(within)
	if !d.user.IsZero() && d.user.Before(t) {
		return d.user
	}
	return t
}

// sluggish reports whether an upload that seems to have stalled goes on all the
// same. The kernel calls a socket writable only when a third of its send buffer,
// which grows to megabytes, is free again: on a slow line that can take longer
// than a stall is allowed to. What the buffer holds tells.
func (d *Data) sluggish() bool {
	if !d.upload {
		return false
	}
	n, ok := unsent(d.raw)
	first := d.unsent == 0
	less := n < d.unsent
	d.unsent = n
	return ok && n > 0 && (first || less)
}

// mayGoOn reports whether a deadline that expired was only the stall's, with
// bytes moved since it was set.
func (d *Data) mayGoOn() bool {
	return !d.s.cut.Load() && (d.user.IsZero() || time.Now().Before(d.user))
}
