package wire

import (
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnExchangeTellsWhatBecameOfACommand(t *testing.T) {
	for _, c := range []struct {
		name            string
		command, answer string
		want            Exchange
		unknown         bool
		inStep          bool
	}{
		{"answered", "DELE a b", "250 Gone.\r\n", Exchange{Command: "DELE", Path: "a b", Sent: true, Answered: true, Code: 250}, false, true},
		{"refused", "DELE a", "550 No.\r\n", Exchange{Command: "DELE", Path: "a", Sent: true, Answered: true, Code: 550}, false, true},
		{"without an argument", "NOOP", "200 Fine.\r\n", Exchange{Command: "NOOP", Sent: true, Answered: true, Code: 200}, false, true},
		{"answered in many lines", "STAT", "211-One\r\n two\r\n211 three\r\n", Exchange{Command: "STAT", Sent: true, Answered: true, Code: 211}, false, true},
		{"begun and answered", "STOR a", "150 Go.\r\n226 Done.\r\n", Exchange{Command: "STOR", Path: "a", Sent: true, Begun: true, Answered: true, Code: 226}, false, true},
		{"begun only", "STOR a", "150 Go.\r\n", Exchange{Command: "STOR", Path: "a", Sent: true, Begun: true, Code: 150, First: true}, true, false},
		{"not answered", "DELE a", "", Exchange{Command: "DELE", Path: "a", Sent: true, Code: 220, First: true}, true, false},
		{"answered by half a line", "DELE a", "250 Go", Exchange{Command: "DELE", Path: "a", Sent: true, Code: 220, First: true}, true, false},
		{"answered by the first line of many", "DELE a", "250-Go\r\n", Exchange{Command: "DELE", Path: "a", Sent: true, Code: 250, First: true}, true, false},
		{"ended by 421", "DELE a", "421 Timeout.\r\n", Exchange{Command: "DELE", Path: "a", Sent: true, Answered: true, Code: 421, First: true}, false, true},
		{"a password, which is not kept", "PASS secret word", "230 In.\r\n", Exchange{Command: "PASS", Sent: true, Answered: true, Code: 230}, false, true},
		{"an account, which is not kept", "ACCT secret", "230 In.\r\n", Exchange{Command: "ACCT", Sent: true, Answered: true, Code: 230}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				p.Bind(t.Context(), time.Now())
				_ = p.tell(c.command, c.answer)
				assert.Equal(t, c.want, p.Exchange())
				assert.Equal(t, c.unknown, p.Exchange().Unknown())
				assert.Equal(t, c.inStep, p.InStep())
				assert.Equal(t, c.want.Begun, p.Begun())
				assert.NotContains(t, fmt.Sprintf("%s %v", p.control.cmd, p.Exchange()), "secret")
			})
		})
	}
}

func TestACommandThatCouldNotBeSentIsKnownNotToBeExecuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		require.NoError(t, p.server.Close())
		_, err := p.control.Write([]byte("DELE a\r\n"))
		require.Error(t, err)
		assert.Equal(t, Exchange{Command: "DELE", Path: "a", Code: 220}, p.Exchange())
		assert.False(t, p.Exchange().Unknown())
	})
}

func TestACommandInTwoWritesIsOneCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		p.Bind(t.Context(), time.Now())
		p.answers("250 Gone.\r\n")
		_, err := p.control.Write([]byte("DELE some"))
		require.NoError(t, err)
		assert.False(t, p.InStep(), "half a command is under way")
		assert.False(t, p.Exchange().Sent)
		_, err = p.control.Write([]byte("thing\r\n"))
		require.NoError(t, err)
		assert.True(t, p.Exchange().Unknown())
		line, err := p.read()
		require.NoError(t, err)
		assert.Equal(t, "250 Gone.", line)
		assert.True(t, p.InStep())
	})
}

func TestTheGoodbyeHidesNothingOfWhatWentWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		require.NoError(t, p.tell("DELE a", "550 No.\r\n"))
		before := p.Exchange()
		p.answers("221 Bye.\r\n")
		p.Quit(time.Second)
		assert.Equal(t, before, p.Exchange())
	})
}

func TestTheFirstAnswerIsCountedFromBind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		require.NoError(t, p.tell("NOOP", "200 Fine.\r\n"))
		assert.False(t, p.Exchange().First)
		p.Bind(t.Context(), time.Now())
		assert.Nil(t, p.Refusal())
		assert.True(t, p.Exchange().First)
		require.NoError(t, p.tell("NOOP", "500 No.\r\n"))
		assert.False(t, p.Exchange().First)
		assert.Equal(t, &textproto.Error{Code: 500, Msg: "No."}, p.Refusal())
		p.Bind(t.Context(), time.Now())
		assert.Nil(t, p.Refusal(), "of an operation before")
	})
}

func TestRecoverFindsTheReplyThatWasDropped(t *testing.T) {
	for _, c := range []struct {
		name            string
		command, answer string
		ends            bool  // the connection ends after it
		err             error // what the ftp package says; nil = what the connection says
		want            int   // 0 = nothing is recovered
	}{
		{"USER answered 421, of which the text alone is left (J1)", "USER u", "421 Too many users.\r\n", false, errors.New("Too many users."), 421},
		{"USER answered 431 (J1)", "USER u", "431 Need resource.\r\n", false, errors.New("Need resource."), 431},
		{"USER answered in many lines (J1)", "USER u", "530-No\r\n more\r\n530 users\r\n", false, errors.New("No\n more\nusers"), 530},
		{"OPTS answered 421 (J2)", "OPTS UTF8 ON", "421 Gone.\r\n", false, errors.New("Gone."), 421},
		{"EPSV answered 421 and hung up (J4)", "EPSV", "421 Gone.\r\n", true, nil, 421},
		{"a connection that ended without a word", "EPSV", "", true, nil, 0},
		{"a failure that has nothing to do with the reply", "NOOP", "200 Fine.\r\n", false, errTest, 0},
		{"a reply that came through", "NOOP", "550 No.\r\n", false, &textproto.Error{Code: 550, Msg: "No."}, 550},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				p.Bind(t.Context(), time.Now())
				err := c.err
				if c.ends {
					if c.answer != "" {
						require.NoError(t, p.tell(c.command, c.answer))
					}
					go func() {
						_, _ = p.lines.ReadString('\n')
						_ = p.server.Close()
					}()
					_, err = p.control.Write([]byte("PASV\r\n"))
					if err == nil {
						_, err = p.read()
					}
					require.Error(t, err)
				} else {
					require.NoError(t, p.tell(c.command, c.answer))
				}
				got := p.Recover(err)
				var reply *textproto.Error
				if c.want == 0 {
					assert.False(t, errors.As(got, &reply))
					assert.Equal(t, err, got)
					return
				}
				require.ErrorAs(t, got, &reply)
				assert.Equal(t, c.want, reply.Code)
				assert.Equal(t, reply.Code, p.Refusal().Code)
			})
		})
	}
	assert.NoError(t, new(Session).Recover(nil))
	assert.Equal(t, errTest, new(Session).Recover(errTest), "there is no control connection to ask")
	assert.Nil(t, new(Session).Refusal())
	assert.Equal(t, Exchange{}, new(Session).Exchange())
}

func TestATwentyOneInPlaceOfTheGreetingKeepsItsCode(t *testing.T) {
	for _, greeting := range []string{"421 Too many users.", "120 Ready in 5 minutes."} {
		synctest.Test(t, func(t *testing.T) {
			p := connected(t)
			p.say(greeting + "\r\n")
			line, err := p.read()
			require.NoError(t, err)
			assert.Equal(t, greeting, line)
			assert.Equal(t, greeting[:3], fmt.Sprint(p.Exchange().Code))
		})
	}
}

func TestNothingIsSentWhileThereIsSomethingUnread(t *testing.T) {
	for _, c := range []struct {
		name string
		text string // received together with the reply before
		code int    // of the refusal that is told; 0 = none
	}{
		{"a 421 that was pushed", "421 Timeout.\r\n", 421},
		{"a second success", "250 Really.\r\n", 250},
		{"the first half of a line", "42", 0},
		{"a reply that does not end", "421-Timeout\r\n", 0},
		{"what is no reply", "hello\r\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				p.Bind(t.Context(), time.Now())
				require.NoError(t, p.tell("NOOP", "200 Fine.\r\n"+c.text))
				assert.False(t, p.InStep())
				_, err := p.control.Write([]byte("DELE a\r\n"))
				require.Error(t, err)
				assert.False(t, p.Exchange().Sent, "it would be answered by what is there already")
				assert.Equal(t, "DELE", p.Exchange().Command)
				var reply *textproto.Error
				if c.code == 0 {
					assert.False(t, errors.As(err, &reply))
				} else {
					require.ErrorAs(t, err, &reply)
					assert.Equal(t, c.code, reply.Code)
				}
				if c.code >= 400 {
					assert.Equal(t, c.code, p.Refusal().Code)
				}
				_, again := p.control.Write([]byte("NOOP\r\n"))
				assert.Equal(t, err, again, "it stays so")
				assert.False(t, p.InStep())
			})
		})
	}
}

func TestAReplyThatNobodyAskedForIsNotAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		_, err := p.read()
		var mistake textproto.ProtocolError
		require.ErrorAs(t, err, &mistake)
		assert.False(t, p.InStep())
	})
}

func TestWhatChangesTheStateOfASessionIsNoted(t *testing.T) {
	for command, want := range map[string]bool{
		"NOOP": false, "SIZE a": false, "STOR a": false, "DELE a": false, "RNFR a": false, "REST 0": false, "PWD": false,
		"CWD a": true, "XCWD a": true, "CDUP": true, "XCUP": true, "TYPE A": true, "USER u": true, "PASS x": true, "ACCT x": true, "REIN": true,
		"MODE S": true, "STRU F": true, "OPTS UTF8 ON": true, "SITE UMASK 0": true, "SMNT /": true,
	} {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			require.NoError(t, p.tell(command, "200 Fine.\r\n"))
			assert.Equal(t, want, p.Altered(), command)
			p.Settle()
			assert.False(t, p.Altered())
		})
	}
}

func TestNULIsNotSentAndSpoilsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		_, err := p.control.Write([]byte("DELE a\x00b\r\n"))
		var caller *CallerError
		require.ErrorAs(t, err, &caller)
		assert.True(t, p.InStep(), "nothing was said")
		require.NoError(t, p.tell("NOOP", "200 Fine.\r\n"))
	})
}

func TestTLSIsNotLeftToTheFTPPackage(t *testing.T) {
	for _, verb := range []string{"AUTH TLS", "PBSZ 0", "PROT P"} {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			_, err := p.control.Write([]byte(verb + "\r\n"))
			require.ErrorContains(t, err, "Config.TLS", verb)
			assert.False(t, p.Exchange().Sent)
		})
	}
}

func TestTheSizeInTheOpeningReplyIsRead(t *testing.T) {
	for _, c := range []struct {
		reply string
		want  int64
	}{
		{"150 Opening BINARY mode data connection for a.csv (1234 bytes).", 1234},
		{"150 Opening BINARY mode data connection for a (7 bytes).csv (0 bytes).", 0},
		{"150 About to open.", -1},
		{"150 for a.csv ( bytes).", -1},
		{"150 for a.csv (-5 bytes).", -1},
		{"150 for a.csv (12x bytes).", -1},
		{"150 for a.csv (999999999999999999 bytes).", 999999999999999999},
		{"150 for a.csv (9999999999999999999 bytes).", -1},
		{"150 for a.csv 12 bytes).", -1},
		{"150-for a.csv\r\n150 (12 bytes)", 12},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := greet(t)
			p.answers(c.reply + "\r\n")
			_, err := p.control.Write([]byte("RETR a\r\n"))
			require.NoError(t, err)
			for range strings.Count(c.reply, "\n") + 1 {
				_, err := p.read()
				require.NoError(t, err)
			}
			assert.Equal(t, c.want, p.Announced(), c.reply)
		})
	}
}

func TestFeaturesAndCommandsOfOurOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		assert.Empty(t, p.Features())
		require.NoError(t, p.tell("FEAT", "211-Features:\r\n SIZE\r\n HASH MD5\r\n211 End\r\n"))
		assert.Equal(t, "Features:\n SIZE\n HASH MD5\nEnd", p.Features())
		p.answers("213-a\r\n213 b\r\n")
		_, err := p.Command("HASH", "f\r\nDELE f")
		assert.ErrorContains(t, err, "CR or LF")
		assert.True(t, p.InStep(), "nothing was sent")
		code, err := p.Command("HASH", "f")
		require.NoError(t, err)
		assert.Equal(t, 213, code)
		assert.Equal(t, "a\nb", p.ReplyText())
		assert.Equal(t, &textproto.Error{Code: 213, Msg: "a\nb"}, p.Reply())
		assert.True(t, p.InStep())
		require.NoError(t, p.server.Close())
		_, err = p.Command("HASH", "f")
		require.Error(t, err)
		assert.False(t, p.InStep())
	})
}

func TestTheEndOfTheConnectionWithinALineIsNoReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := greet(t)
		go func() {
			_, _ = p.lines.ReadString('\n')
			_, _ = io.WriteString(p.server, "250 Gone")
			_ = p.server.Close()
		}()
		_, err := p.control.Write([]byte("DELE a\r\n"))
		require.NoError(t, err)
		line, err := p.read()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.Empty(t, line)
		assert.True(t, p.Exchange().Unknown())
	})
}
