package transient_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	. "github.com/ftpretry/ftpretry/transient"
)

func TestWhatTheServerSaysOfWhenToComeBack(t *testing.T) {
	rows := map[string]struct {
		wire string
		path string
		want time.Duration
	}{
		"RFC 959's greeting":                         {"120 Service ready in 5 minutes", "", 5 * time.Minute},
		"RFC 959's greeting with its own nnn":        {"120 Service ready in nnn minutes.", "", 0},
		"a greeting with three digits":               {"120 Service ready in 010 minutes.", "", 10 * time.Minute},
		"seconds":                                    {"421 Too many users, try again in 30 seconds.", "", 30 * time.Second},
		"one second":                                 {"421 Try again in 1 second", "", time.Second},
		"minutes, short":                             {"421 Retry after 2 min", "", 2 * time.Minute},
		"minutes, one letter":                        {"421 Busy: retry in 3m", "", 3 * time.Minute},
		"hours beyond the cap":                       {"421 Down for maintenance, back in 2 hours", "", time.Hour},
		"an hour in words":                           {"421 Please reconnect in an hour", "", time.Hour},
		"one minute in words":                        {"421 Please come back in one minute", "", time.Minute},
		"a length in two units":                      {"421 Try again in 5 minutes 30 seconds", "", 5*time.Minute + 30*time.Second},
		"a length in two units with and":             {"421 Try again in 5 minutes and 30 seconds", "", 5*time.Minute + 30*time.Second},
		"Go's own form":                              {"421 Retry in 1m30s", "", 90 * time.Second},
		"SFTPGo's rate limit":                        {"500 Access denied: rate limit exceed, wait time to respect rate 1.5s, max wait time allowed 10s", "", 1500 * time.Millisecond},
		"a fraction":                                 {"421 Wait 2.5 minutes", "", 150 * time.Second},
		"a fraction finer than is told apart":        {"421 Wait 2.00049 seconds", "", 2 * time.Second},
		"at least":                                   {"421 Please wait at least 45 seconds", "", 45 * time.Second},
		"about":                                      {"421 The service will be available in about 10 mins", "", 10 * time.Minute},
		"with a colon":                               {"421 Retry after: 20 sec", "", 20 * time.Second},
		"upper case":                                 {"421 TRY AGAIN IN 20 SECONDS", "", 20 * time.Second},
		"on another line than the rest":              {"421-Too many users\n421-Try again in\n421 20 seconds", "", 20 * time.Second},
		"days":                                       {"421 Try again in 3 days", "", time.Hour},
		"a number that overflows":                    {"421 Try again in 99999999999999999999 minutes", "", time.Hour},
		"a number that overflows as a fraction":      {"421 Try again in 0.99999999999999999999 minutes", "", 59940 * time.Millisecond},
		"a number of many digits that is small":      {"421 Try again in 00000000000000000000000007 seconds", "", 7 * time.Second},
		"many lengths that overflow together":        {"421 Try again in 59 minutes 59 minutes 59 minutes", "", time.Hour},
		"nothing at all":                             {"421 Try again in 0 seconds", "", 0},
		"a negative number":                          {"421 Try again in -5 minutes", "", 0},
		"two points":                                 {"421 Try again in 1.2.3 minutes", "", 72 * time.Second},
		"a number without a unit":                    {"421 Try again in 30", "", 0},
		"a unit that is none of time":                {"421 Try again in 30 users", "", 0},
		"milliseconds are not worth a wait":          {"421 Try again in 30 ms", "", 0},
		"megabytes are no minutes":                   {"421 Try again in 5mb", "", 0},
		"a time that is past":                        {"421 Idle timeout (600 seconds): closing control connection", "", 0},
		"a time that is past, and an invitation":     {"421 Timed out after 60 seconds, please try again.", "", 0},
		"an invitation, and a time that is past":     {"421 Please try again. Session timed out after 60 seconds.", "", 0},
		"a time of no operation":                     {"421 Timeout (no operation for 900 seconds)", "", 0},
		"a number of users":                          {"421 50 users (the maximum) are already logged in, try again later", "", 0},
		"a number in the name of the file":           {"450 try again in 30 minutes.txt", "in 30 minutes.txt", 0},
		"a name that is the number":                  {"450 try again in 30 minutes", "30", 0},
		"a number beside the name of the file":       {"450 in 30 minutes.txt: try again in 10 seconds", "in 30 minutes.txt", 10 * time.Second},
		"a number in the working directory":          {"450 try again: /back in 30 minutes/a.csv is busy", "a.csv", 0},
		"a permanent reply gets none":                {"552 Quota exceeded, try again in 30 seconds", "", 0},
		"a wrong password gets none":                 {"530 Login incorrect, try again in 30 seconds", "", 0},
		"a reply that ends behind the pointing word": {"421 try again in", "", 0},
		"a reply that ends in the number":            {"421 try again in 5.", "", 0},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			command := "RETR"
			if r.wire[:3] == "120" {
				command = "" // the greeting
			}
			v := Classify(Failure{Command: command, Path: r.path, Err: reply(t, r.wire)})
			assert.Equal(t, r.want, v.Wait, "%s %s", v.Class, v.Rule)
			assert.True(t, v.Wait == 0 || v.Transient(), "a hint without a replay")
		})
	}
}
