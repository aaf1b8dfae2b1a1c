package transient_test

import (
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	. "github.com/ftpretry/ftpretry/transient"
)

func TestTextIsNotFoundInTheNameOfTheFile(t *testing.T) {
	rows := map[string]struct {
		wire, command, path string
		want                Class
	}{
		"the name as it was sent":                      {"550 too many users.txt: No such file", "RETR", "too many users.txt", Permanent},
		"the name between quotes":                      {`550 "too many users.txt": No such file`, "RETR", "too many users.txt", Permanent},
		"the name between other quotes":                {"550 'too many users.txt' not found", "RETR", "too many users.txt", Permanent},
		"the name in another letter case":              {"550 TOO MANY USERS.TXT: No such file", "RETR", "too many Users.txt", Permanent},
		"a name beyond ASCII in another letter case":   {"550 \u00dcBER TOO MANY: No such file", "RETR", "\u00fcber too many", Permanent},
		"the path, where the name alone is repeated":   {"550 too many users.txt: No such file", "RETR", "/in/too many users.txt", Permanent},
		"the path, repeated whole":                     {"550 /in/too many users.txt: No such file", "RETR", "/in/too many users.txt", Permanent},
		"the path with the server's own root in front": {"550 open /srv/ftp/in/too many/a: no such file", "RETR", "in/too many/a", Permanent},
		"a directory of the path":                      {"550 /in/too many: No such directory", "STOR", "/in/too many/a.csv", Permanent},
		"a path of Windows":                            {`550 C:\in\too many: not found`, "STOR", `in\too many\a.csv`, Permanent},
		"the working directory in front of the name":   {"550 /too many users/a.csv: Permission denied", "STOR", "a.csv", Permanent},
		"the working directory that ends in the text":  {"550 /in too many/a.csv: Permission denied", "STOR", "a.csv", Permanent},
		"the same between quotes":                      {"550 '/too many users/a.csv' not found", "STOR", "a.csv", Permanent},
		"the name twice":                               {"550-too many users.txt\n550 too many users.txt: No such file", "RETR", "too many users.txt", Permanent},
		"quotes in the name, doubled as RFC 959 wants": {`550 "too ""many"" users": No such file`, "RETR", `too "many" users`, Permanent},
		"wide blanks in the name":                      {"550 too  many users: No such file", "RETR", "too  many users", Permanent},
		"a name behind options":                        {"550 too many: No such file", "LIST", "-la too many", Permanent},
		"a name behind a time":                         {"550 too many: No such file", "MFMT", "20260101000000 too many", Permanent},
		"a name that promises to heal":                 {"550 try again later: No such file", "RETR", "try again later", Permanent},
		"a name that says it is busy":                  {"550 file in use.doc: No such file", "RETR", "file in use.doc", Permanent},
		"a name that says it is gone":                  {"450 no such file.txt: busy", "RETR", "no such file.txt", Busy},
		"a name that speaks of quotas":                 {"452 quota exceeded.csv: no space left on device", "STOR", "quota exceeded.csv", Storage},
		"a wildcard's pieces apart in the name":        {"530 only one session is allowed: denied", "RETR", "only one session is allowed", Permanent},

		"the text beside the name":                       {"550 too many users.txt: too many open files", "RETR", "too many users.txt", Overload},
		"the text before the name":                       {"550 Too many open files: too many users.txt", "RETR", "too many users.txt", Overload},
		"the text on the last line":                      {"550-report.csv\n550 Too many open files", "RETR", "report.csv", Overload},
		"the text broken by a line end":                  {"550-The file is being used by another\n550 process", "RETR", "report.csv", Busy},
		"the text in upper case":                         {"530 SORRY, TOO MANY USERS", "PASS", "", Overload},
		"a name that is one word of the text":            {"530 Too many users", "RETR", "many", Overload},
		"a name that is one letter":                      {"530 Too many users", "RETR", "a", Overload},
		"a name that begins with the text's last word":   {"450 no such file: fileserver", "RETR", "fileserver", Permanent},
		"a directory whose name is a word of the text":   {"550 being used by another process", "RETR", "process/a", Busy},
		"a slash elsewhere in the reply":                 {"550 I/O: too many open files on a/b", "RETR", "b", Overload},
		"an absolute path that ends before the text":     {"550 /in/a: too many open files in /in/a", "RETR", "a", Overload},
		"an absolute path that does not end in it":       {"550 /in too many open files", "RETR", "a", Overload},
		"a path of nothing but slashes":                  {"550 Too many open files", "CWD", "///", Overload},
		"options without a name":                         {"550 Too many open files", "LIST", "-la", Overload},
		"text that is no valid UTF-8":                    {"550 caf\xe9: too many open files", "RETR", "caf\xe9", Overload},
		"a name that is no valid UTF-8":                  {"550 \xe9 too many: No such file", "RETR", "\xe9 too many", Permanent},
		"a path of nothing but blanks":                   {"550 Too many open files", "CWD", " ", Overload},
		"lower case with wide blanks":                    {"530 sorry,  too  many users", "PASS", "", Overload},
		"lower case with quotes":                         {`530 "too" "many" users`, "PASS", "", Overload},
		"white space of every kind between the words":    {"530 too\t many   users", "PASS", "", Overload},
		"a wildcard that bridges the name":               {"530 maximum number of a.csv clients, only 1 session of it allowed", "RETR", "a.csv", Overload},
		"the second of two places where the text stands": {"550 too many, yes, too many", "RETR", "too many, yes", Overload},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			v := Classify(Failure{Command: r.command, Path: r.path, Err: reply(t, r.wire)})
			assert.Equal(t, r.want.String(), v.Class.String(), v.Rule)
		})
	}
}

func TestARuleNeverRepeatsThePath(t *testing.T) {
	v := Classify(Failure{Command: "PASS", Path: "secret too many", Err: reply(t, "530 too many users")})
	assert.Equal(t, Overload, v.Class)
	assert.NotContains(t, v.Rule, "secret")
}

func TestAHostileReplyCostsNoMoreThanItsLength(t *testing.T) {
	// Every place where a text of a rule stands is in a path, so that none is
	// taken at once; quadratic work would take minutes here.
	for name, r := range map[string]struct{ text, path string }{
		"the name over and over":        {strings.Repeat("too many/", 7000), strings.Repeat("too many/", 400)},
		"the directory over and over":   {strings.Repeat("/too many/a ", 5000), "a"},
		"one directory without an end":  {"/" + strings.Repeat("too many ", 7000) + "/a", "a"},
		"a name of very many elements":  {strings.Repeat("too many ", 7000), strings.Repeat("a/", 2000) + "too many"},
		"hints over and over":           {strings.Repeat("try again in 5 ", 4000), "5"},
		"hints in a directory":          {"/try again " + strings.Repeat("in 5 seconds ", 4000) + "/a", "a"},
		"white space without an end":    {"too" + strings.Repeat(" ", 64<<10) + "many", "a"},
		"a number of very many figures": {"try again in " + strings.Repeat("9", 64<<10) + " seconds", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			v := Classify(Failure{Command: "RETR", Path: r.path, Err: &textproto.Error{Code: 450, Msg: r.text}})
			assert.NotEmpty(t, v.Rule)
			assert.Less(t, time.Since(began), 5*time.Second)
		})
	}
}
