package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// everyKind is a list with a job of each kind, in both forms.
var everyKind = map[string]string{
	"CSV": `kind,local,remote,to
mkdir,,in,
barrier,,,
upload,a.txt,in/a.txt,
upload,"b, c.txt",in/b.tmp,
download,got/out.txt,out.txt,
barrier,,,
rename,,in/b.tmp,in/b.txt
delete,,out.txt,
`,
	"CSV of a spreadsheet": "\ufeffKind;Remote;Local;To\r\nmkdir;in;;\r\nbarrier;;;\r\nupload;in/a.txt;a.txt;\r\n\r\nupload;in/b.tmp;\"b, c.txt\";\r\n" +
		"download;out.txt;got/out.txt;\r\nbarrier;;;\r\nrename;in/b.tmp;;in/b.txt\r\ndelete;out.txt;;\r\n",
	"JSON lines": `{"kind":"mkdir","remote":"in"}
{"kind":"barrier"}
{"kind":"upload","local":"a.txt","remote":"in/a.txt"}

{"kind":"upload","local":"b, c.txt","remote":"in/b.tmp"}
{"kind":"download","local":"got/out.txt","remote":"out.txt"}
{"kind":"barrier"}
{"kind":"rename","remote":"in/b.tmp","to":"in/b.txt"}
{"kind":"delete","remote":"out.txt"}
`,
}

func TestAListOfEveryKindOfJobIsDone(t *testing.T) {
	for form, list := range everyKind {
		for _, way := range []string{"a file", "standard input"} {
			t.Run(form+" from "+way, func(t *testing.T) {
				srv := server(t, retrytest.Config{Faults: []retrytest.Fault{{On: "STOR", Reply: "450 File busy."}}})
				require.NoError(t, srv.WriteFile("out.txt", []byte("out")))
				dir := put(t, map[string]string{"a.txt": "alpha", "b, c.txt": "beta", "list": list})
				var status int
				var out, errs string
				if way == "a file" {
					status, out, errs = ran(t, dir, join([]string{"run"}, to(srv), []string{"list"})...)
				} else {
					status, out, errs = ranWith(t, dir, list, join([]string{"run"}, to(srv), []string{"-"})...)
				}
				require.Equal(t, allDone, status, errs)
				require.Contains(t, out, "6 done")
				require.Equal(t, map[string][]byte{"/in/a.txt": []byte("alpha"), "/in/b.txt": []byte("beta")}, srv.Files())
				got, err := os.ReadFile(filepath.Join(dir, "got/out.txt"))
				require.NoError(t, err)
				require.Equal(t, "out", string(got))
			})
		}
	}
}

// TestBadLinesAreToldOfBeforeAnythingRuns: each with its number and reason, and
// the server has never heard of it.
func TestBadLinesAreToldOfBeforeAnythingRuns(t *testing.T) {
	many := "kind,remote\n" + strings.Repeat("drop,x\n", 50)
	for what, row := range map[string]struct {
		list string
		want []string
	}{
		"a kind that is none":        {"kind,remote\ndelete,a\nerase,b\n", []string{`line 3: "erase" is no kind of job`}},
		"a kind of mirrors":          {"kind,remote\nlist,a\n", []string{"line 2: list is only of a mirror: want upload"}},
		"no kind":                    {"kind,remote\n,b\n", []string{"line 2: job has no kind"}},
		"no local file":              {"kind,remote,local\nupload,a,\n", []string{"line 2: upload has no local"}},
		"no new name":                {"kind,remote,to\nrename,a,\n", []string{"line 2: rename has no to"}},
		"no name on the server":      {"kind,remote\ndelete,\n", []string{"line 2: delete has no remote"}},
		"fields in wrong columns":    {"kind,remote,local\ndelete,a,b\n", []string{`line 2: delete takes no local, but has "b"`}},
		"a size of a rename":         {"kind,remote,to,size\nrename,a,b,3\n", []string{"line 2: rename takes neither size nor time"}},
		"too many columns":           {"kind,remote\ndelete,a,b\ndelete\n", []string{"line 2: has another number of columns", "line 3: has another number"}},
		"a quote left open":          {"kind,remote\ndelete,\"a\ndelete,b\n", []string{"line 2: column"}},
		"a line end in a name":       {"kind,remote\ndelete,\"a\nb\"\n", []string{`line 2: remote is "a\nb": FTP cannot send`}},
		"no number":                  {"kind,remote,local,size\nupload,a,b,12k\n", []string{`line 2: size is "12k"`}},
		"a negative size":            {"kind,remote,local,size\nupload,a,b,-1\n", []string{`line 2: size is -1`}},
		"no time":                    {"kind,remote,local,time\nupload,a,b,yesterday\n", []string{`line 2: time is "yesterday"`}},
		"no line of columns":         {"upload,a,b\n", []string{`line 1: "upload" is no column`}},
		"a column twice":             {"kind,remote,Remote\n", []string{"line 1: column remote is named twice"}},
		"no column of kinds":         {"remote,local\n", []string{"line 1: there is no column kind"}},
		"a list that is empty":       {"", []string{"there are no jobs in it"}},
		"columns and nothing more":   {"kind,remote\n", []string{"there are no jobs in it"}},
		"many of them":               {many, []string{"50 lines are not in order", "line 2:", "line 21:", "and 30 more"}},
		"JSON that breaks off":       {`{"kind":"delete","remote":"a"}` + "\n" + `{"kind":"delete",` + "\n", []string{"line 2: ends before the object does"}},
		"JSON with an unknown field": {`{"kind":"delete","remot":"a"}`, []string{`line 1: unknown field "remot"`}},
		"JSON, two in a line":        {`{"kind":"delete","remote":"a"} {"kind":"delete","remote":"b"}`, []string{"line 1: more than one object"}},
		"JSON with another type":     {`{"kind":"delete","remote":7}`, []string{"line 1: cannot unmarshal number"}},
		"JSON that is not UTF-8":     {"{\"kind\":\"delete\",\"remote\":\"\xe4\"}", []string{"line 1: is not UTF-8"}},
		"JSON without end":           {`{"kind":"delete","remote":"` + strings.Repeat("x", longestLine) + `"}`, []string{"line 1: is longer than"}},
		"JSON that is no object":     {"{\"kind\":\"barrier\"}\n[]\n", []string{"line 2: cannot unmarshal array"}},
	} {
		t.Run(what, func(t *testing.T) {
			srv := server(t, retrytest.Config{})
			dir := put(t, map[string]string{"list": row.list, "b": "x"})
			status, out, errs := ran(t, dir, join([]string{"run"}, to(srv), []string{"list"})...)
			require.Equal(t, wrongUsage, status, errs)
			require.Empty(t, out)
			for _, want := range row.want {
				require.Contains(t, errs, want)
			}
			require.NotContains(t, errs, "line 22:")
			require.Empty(t, srv.Commands())
		})
	}
}

func TestAFileThatFailsDoesNotStopTheOthers(t *testing.T) {
	srv := server(t, retrytest.Config{Faults: []retrytest.Fault{
		{On: "STOR", Path: "refused.txt", Times: -1, Reply: "553 Name not allowed."},
		{On: "RNTO", Path: "refused.txt", Times: -1, Reply: "553 Name not allowed."},
	}})
	list := "kind,local,remote\nupload,absent.txt,absent.txt\nupload,sub,sub\nupload,/dev/null,null\nupload,a.txt,refused.txt\nupload,a.txt,a.txt\ndownload,b.txt,nowhere.txt\n"
	dir := put(t, map[string]string{"list": list, "a.txt": "alpha", "sub/x": "x"})
	status, out, errs := ran(t, dir, join([]string{"run"}, to(srv), []string{"list"})...)
	require.Equal(t, someFailed, status, errs)
	require.Contains(t, errs, "job list, line 2: the job will fail: stat absent.txt: no such file or directory")
	require.Contains(t, errs, "line 3: the job will fail: sub is a directory: mirror-up sends one")
	require.Contains(t, errs, "line 4: the job will fail: /dev/null is no regular file")
	require.Contains(t, errs, "Name not allowed.")
	require.Contains(t, out, "1 done")
	require.Contains(t, out, "5 failed")
	require.Equal(t, map[string][]byte{"/a.txt": []byte("alpha")}, srv.Files())
}

func TestAWrongPasswordIsSentOnce(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{Users: map[string]string{"u": "another"}})
	var list strings.Builder
	list.WriteString("kind,remote\n")
	for i := range 100 {
		fmt.Fprintf(&list, "delete,%d\n", i)
	}
	dir := put(t, map[string]string{"list": list.String()})
	status, _, errs := ran(t, dir, join([]string{"run"}, to(srv), []string{"list"})...)
	require.Equal(t, someFailed, status)
	require.Contains(t, errs, "nothing was run: login at "+srv.Addr()+": permanent failure: 530")
	require.Contains(t, errs, "what to do: check user and password")
	passwords := 0
	for _, command := range srv.Commands() {
		if strings.HasPrefix(command, "PASS") {
			passwords++
		}
	}
	require.Equal(t, 1, passwords, srv.Commands())
}
