package retry

import (
	"net/textproto"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/transient"
)

func TestTheNumberInARefusalIsUsedWhereThereIsOne(t *testing.T) {
	for text, want := range map[string]int{
		"Sorry, the maximum number of clients (3) for this host are already connected.": 3,
		"3 users (the maximum) are already logged in, sorry":                            3,
		"Too many connections (12) from this IP":                                        12,
		"I can't accept more than 5 connections as the same user":                       5,
		"Too many users, max. 8.":                                                       8,
		"Too many users (5 of 5)":                                                       0,
		"Too many users, try again in 5 minutes":                                        0,
		"Too many users (4), try again in 5 minutes":                                    4,
		"Too many connections from 10.1.2.3":                                            0,
		"Too many connections from user7":                                               0,
		"Too many users (0)":                                                            0,
		"Too many users":                                                                0,
		"System busy, load is 93%, try again later":                                     0,
		"Too many users (99999999999999999999)":                                         0,
	} {
		f := failure{verdict: transient.Verdict{Class: transient.Overload, Reply: &textproto.Error{Code: 421, Msg: text}}}
		assert.Equal(t, want, told(f), text)
	}
	assert.Zero(t, told(failure{verdict: transient.Verdict{Class: transient.Permanent, Reply: &textproto.Error{Code: 530, Msg: "Account 3 is locked"}}}))
	assert.Zero(t, told(failure{}))
}
