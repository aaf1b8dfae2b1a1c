package wire

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPasswordThatTheServerRepeatsIsNotRead(t *testing.T) {
	const secret = "hunter2!"
	for _, c := range []struct {
		name     string
		password string
		login    string // the reply to PASS
		command  string // sent after it; "" = none
		answer   string
		want     string // the text of the last reply, or what its error holds
	}{
		{"by the refusal of it", secret, "530 \"hunter2!\" is wrong, hunter2!\r\n", "", "", `"********" is wrong, ********`},
		{"in the middle of a reply of many lines", secret, "530-No.\r\n530-PASS hunter2!\r\n PASS hunter2!\r\n530 hunter2!\r\n", "", "", "No.\nPASS ********\n PASS ********\n********"},
		{"by a welcome", secret, "230 Welcome, user with hunter2!\r\n", "", "", "Welcome, user with ********"},
		{"long after it", secret, "230 In.\r\n", "DELE x", "550 Not for hunter2!\r\n", "Not for ********"},
		{"in what is no reply", secret, "230 In.\r\n", "DELE x", "PASS hunter2! what?\r\n", `"PASS ******** what?`},
		{"in what is no reply and is cut within it", secret, "230 In.\r\n", "DELE x", "PASS hunt", `"PASS ****"`},
		{"by something that only begins as it does", secret, "530 A hunter came: hunter\r\n", "", "", "A hunter came: hunter"},
		{"where it is the name of a file", secret, "230 In.\r\n", "PWD", "257 \"/hunter2!\" is it\r\n", `"/hunter2!" is it`},
		{"where it is a number that is measured", "123", "230 In.\r\n", "SIZE x", "213 51234\r\n", "51234"},
		{"where it is a code", "550", "230 In.\r\n", "DELE x", "550 No: 550\r\n", "No: ***"},
		{"where it is a single letter", "a", "530 No such admin\r\n", "", "", "*************"},
		{"where it is a single letter, in another reply", "a", "230 In.\r\n", "DELE x", "550 What a name\r\n", "What a name"},
		{"where it is no secret", "anonymous", "530 Not for anonymous users\r\n", "", "", "Not for anonymous users"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := greet(t)
				defer p.over()
				require.NoError(t, p.tell("PASS "+c.password, c.login))
				if c.command != "" {
					if err := p.tell(c.command, c.answer); err != nil {
						assert.ErrorContains(t, err, c.want)
						return
					}
				}
				assert.Equal(t, c.want, p.ReplyText())
			})
		})
	}
}
