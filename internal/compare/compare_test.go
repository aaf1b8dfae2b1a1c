package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func jobNamed(t *testing.T, name string) job {
	t.Helper()
	for _, j := range jobs() {
		if j.name == name {
			return j
		}
	}
	t.Fatalf("there is no job %s", name)
	return job{}
}

// meet lets the three clients run into one fault.
func meet(t *testing.T, name, verb, what string, at int64) map[string]outcome {
	t.Helper()
	got := map[string]outcome{}
	for _, f := range faultsAt(verb) {
		if f.Name != what || f.Fault.At != at {
			continue
		}
		f.Fault.On, f.Fault.Nth = verb, 1
		for _, c := range clients() {
			got[c.name] = try(t, c, trial{jobNamed(t, name), step{verb, 1}, f}).outcome
		}
	}
	return got
}

func TestOneFaultOfEachKindEndsAsThePictureShows(t *testing.T) {
	for _, row := range []struct {
		says, job, verb, fault string
		at                     int64
		naive, careful         outcome
	}{
		{"a refusal is survived by everybody", "Stor", "STOR", "refused by 450", 0, fine, fine},
		{"a reply that never comes hangs who has no deadlines", "Retr", "PASS", "never answered, never ran", 0, hang, fine},
		{"a stalled transfer hangs who has no deadlines", "Retr", "RETR", "data stalled", 1000, hang, fine},
		{"a download cut short and called complete is believed", "Retr", "RETR", "data cut by FIN, but 226", 1000, falseSuccess, falseSuccess},
		{"a name cut in two is believed", "NameList", "NLST", "data cut by FIN, but 226", 1, falseSuccess, falseSuccess},
		{"an append whose reply was lost is appended again", "Append", "APPE", "ran, closed without a reply", 0, duplicate, duplicate},
		{"the part of an append that arrived is appended again", "Append", "APPE", "data cut by FIN, 426", 1000, duplicate, duplicate},
		{"a file is deleted, and the second DELE says it is missing", "Delete", "DELE", "ran, closed without a reply", 0, falseFailure, falseFailure},
		{"a fault at a command that nobody sends meets nobody", "FileSize", "STOR", "refused by 450", 0, unmet, unmet},
	} {
		t.Run(row.says, func(t *testing.T) {
			t.Parallel()
			own := fine
			if row.naive == unmet {
				own = unmet
			}
			assert.Equal(t, map[string]outcome{"naive": row.naive, "careful": row.careful, "ftpretry": own},
				meet(t, row.job, row.verb, row.fault, row.at))
		})
	}
}

// TestTheReportIsOfThisEnumeration fails when a job, a command or a fault has
// come or gone since docs/compare.md was written, and when ours is not at zero
// there.
func TestTheReportIsOfThisEnumeration(t *testing.T) {
	count, perJob := 0, ""
	for _, j := range jobs() {
		n := len(trials(t, j))
		count += n
		perJob += fmt.Sprintf("| %s | %d |\n", j.name, n)
	}
	b, err := os.ReadFile("../../docs/compare.md")
	require.NoError(t, err)
	report := string(b)
	const again = "run: go run ./internal/compare"
	assert.Contains(t, report, fmt.Sprintf("**%d faults**", count), again)
	for _, row := range strings.Split(strings.TrimSpace(perJob), "\n") {
		assert.Contains(t, report, row, again)
	}
	for _, o := range bad {
		assert.Regexp(t, fmt.Sprintf(`(?m)^\| %s \|.*\| 0 \|$`, o), report, "ftpretry is not at zero")
	}
	picture, err := os.ReadFile("../../docs/compare.svg")
	require.NoError(t, err)
	assert.Contains(t, string(picture), fmt.Sprintf("Of %d faults", count), again)
	assert.Contains(t, string(picture), "ftpretry: all ok.")
}

// TestOursEndsWellUnderEveryFault keeps the report's column of zeros true
// between two writings of it.
func TestOursEndsWellUnderEveryFault(t *testing.T) {
	own := clients()[len(clients())-1]
	require.Equal(t, "ftpretry", own.name)
	var some []job
	for i, j := range jobs() {
		if i%sample == 0 {
			some = append(some, j)
		}
	}
	results := enumerate(t, some, []client{own})
	for _, r := range results {
		if r.outcome > fine {
			t.Error(r)
		}
	}
	t.Logf("%d cases", len(results))
}

func TestAJobsOutcomeIsJudgedByWhatIsThere(t *testing.T) {
	broken := errors.New("broken")
	tree := func(change func(map[string]string)) map[string]string {
		m := before()
		change(m)
		return m
	}
	for _, row := range []struct {
		says, job, got string
		err            error
		tree           map[string]string
		want           outcome
	}{
		{"stored and said so", "Stor", "", nil, tree(func(m map[string]string) { m["/new"] = body }), fine},
		{"said so, but a byte is missing", "Stor", "", nil, tree(func(m map[string]string) { m["/new"] = body[1:] }), falseSuccess},
		{"said so, but nothing is there", "Stor", "", nil, before(), falseSuccess},
		{"said so, but left something over", "Stor", "", nil, tree(func(m map[string]string) { m["/new"], m["/tmp"] = body, "" }), falseSuccess},
		{"failed, and nothing is there", "Stor", "", broken, before(), failed},
		{"failed, although it is there", "Stor", "", broken, tree(func(m map[string]string) { m["/new"] = body }), falseFailure},
		{"appended once and a byte", "Append", "", nil, tree(func(m map[string]string) { m["/log"] += "l" + body }), duplicate},
		{"appended twice, and failed", "Append", "", broken, tree(func(m map[string]string) { m["/log"] += body + body }), duplicate},
		{"appended in part", "Append", "", nil, tree(func(m map[string]string) { m["/log"] += body[:10] }), falseSuccess},
		{"read all", "Retr", body, nil, before(), fine},
		{"read less, and said so", "Retr", body[:10], broken, before(), failed},
		{"read less", "Retr", body[:10], nil, before(), falseSuccess},
	} {
		t.Run(row.says, func(t *testing.T) {
			o, _ := judge(jobNamed(t, row.job), row.got, row.err, row.tree)
			assert.Equal(t, row.want, o)
		})
	}
}

func TestThePictureIsXMLAndNamesEveryCommandAndFault(t *testing.T) {
	j := jobNamed(t, "Stor")
	var results []result
	for i, f := range faultsAt("STOR") {
		for _, c := range clients() {
			results = append(results, result{trial: trial{j, step{"STOR", 1}, f}, client: c.name, outcome: outcome(i % outcomes)})
		}
	}
	s := tally(results)
	picture := s.svg()
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
	}
	for _, name := range append(faultNames(), "STOR") {
		assert.Contains(t, picture, ">"+name+"</text>")
	}
	for _, c := range clients() {
		n := 0
		for _, k := range s.total[c.name] {
			n += k
		}
		assert.Equal(t, s.trials, n, "every fault counts once for %s", c.name)
	}
}

func TestASummaryCountsWhatWentWrongWorstFirst(t *testing.T) {
	var count [outcomes]int
	count[fine], count[unmet] = 7, 3
	assert.Equal(t, "all ok", summary(count))
	count[hang], count[falseSuccess], count[falseFailure] = 2, 1, 4
	assert.Equal(t, "1 false success, 2 hangs, 4 false failures", summary(count))
}
