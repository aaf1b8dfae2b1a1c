package retry

import (
	"net/textproto"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/transient"
)

func TestTheNumberInARefusalIsUsedWhereThereIsOne(t *testing.T) {
	for text, want := range map[string]int{
		// Servers' own words: ProFTPD, Pure-FTPd, SFTPGo, NcFTPd, wu-ftpd, and
		// what people set in their place.
		"Sorry, the maximum number of clients (3) from this host are already connected.":    3,
		"Sorry, the maximum number of allowed clients (10) are already connected.":          10,
		"Sorry, the maximum number of clients (2) for this user are already connected.":     2,
		"Sorry, the maximum number of connections (4) for your host are already connected.": 4,
		"Sorry, the maximum number of hosts (2) for this user are already connected.":       2,
		"200 users (the maximum) are already logged in, sorry":                              200,
		"Authentication error: too many open sessions: 3":                                   3,
		"Sorry, there are already 25 users connected.":                                      25,
		"Too many users logged in (limit 25).":                                              25,
		"Only 5 simultaneous sessions allowed for your address.":                            5,
		"Maximum number of connections per IP is 2":                                         2,
		"Maximum connections per user: 3":                                                   3,
		"Session limit of 6 reached":                                                        6,
		"Session limit reached (6)":                                                         6,
		"The maximum is 8, try again later":                                                 8,
		"You may have at most 4 connections":                                                4,
		"Connections are limited to 7":                                                      7,
		// Numbers of something else.
		"Try again in 30 seconds":                 0,
		"Too many users, try again in 30":         0,
		"come back after 5 minutes":               0,
		"come back after 5":                       0,
		"Timeout (60 seconds)":                    0,
		"Timeout (60)":                            0,
		"Server load 12":                          0,
		"System busy, load is 12, the limit is 8": 0,
		"The load was 4.32 when you connected. We do not allow downloads":                          0,
		"Idle timeout (600 seconds): closing control connection":                                   0,
		"Login timeout (300 seconds): closing control connection":                                  0,
		"No transfer timeout (300 seconds): closing control connection":                            0,
		"Timeout (no operation for 1800 seconds)":                                                  0,
		"command timeout (900 seconds): closing control connection":                                0,
		"Access denied: rate limit exceed, wait time to respect rate 12s":                          0,
		"Rate limit exceeded: 10 connections per minute":                                           0,
		"Too many connections, more than 10 per second":                                            0,
		"Maximum login attempts (3) exceeded":                                                      0,
		"Session time limit 30 reached, too many users":                                            0,
		"Sorry, the maximum number of data transfers (3) from this user are currently being used.": 0,
		"Too many users on node 3":                                                                 0,
		"Too many connections for user 5":                                                          0,
		"Only version 2 is allowed":                                                                0,
		"Limit of 500 MB reached":                                                                  0,
		"Service not available, 12 users online":                                                   0,
		"Sorry, the maximum number of clients (3) for this host are already connected.":            3,
		"3 users (the maximum) are already logged in, sorry":                                       3,
		"Too many connections (12) from this IP":                                                   12,
		"I can't accept more than 5 connections as the same user":                                  5,
		"Too many users, max. 8.":                                                                  8,
		"Too many users (5 of 5)":                                                                  0,
		"Too many users, try again in 5 minutes":                                                   0,
		"Too many users (4), try again in 5 minutes":                                               4,
		"Too many connections from 10.1.2.3":                                                       0,
		"Too many connections from user7":                                                          0,
		"Too many users (0)":                                                                       0,
		"Too many users":                                                                           0,
		"System busy, load is 93%, try again later":                                                0,
		"Too many users (99999999999999999999)":                                                    0,
	} {
		f := failure{verdict: transient.Verdict{Class: transient.Overload, Reply: &textproto.Error{Code: 421, Msg: text}}}
		assert.Equal(t, want, told(f), text)
	}
	assert.Zero(t, told(failure{verdict: transient.Verdict{Class: transient.Permanent, Reply: &textproto.Error{Code: 530, Msg: "Account 3 is locked"}}}))
	assert.Zero(t, told(failure{}))
}
