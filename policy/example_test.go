package policy_test

import (
	"bufio"
	"encoding"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/ftpretry/ftpretry/policy"
	"github.com/ftpretry/ftpretry/transient"
)

func ExampleParse() {
	p, err := policy.Parse("attempts=8 initial=500ms max=30s storage.initial=1m")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Attempts, p.Initial, p.Max, p.Classes[transient.Storage].Initial)

	_, err = policy.Parse("attempts=8 initial=500")
	fmt.Println(err)
	// Output:
	// 8 500ms 30s 1m0s
	// policy: initial "500": want a duration with its unit, such as 500ms, 30s or 1m30s
}

func ExamplePolicy_Set() {
	flags := flag.NewFlagSet("upload", flag.ContinueOnError)
	p := policy.Policy{Attempts: 4}
	flags.Var(&p, "retry", "replay `policy`, such as attempts=8,max=30s")
	if err := flags.Parse([]string{"-retry", "attempts=20,elapsed=2h"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p)
	// Output: attempts=20 elapsed=2h
}

func ExamplePolicy_UnmarshalJSON() {
	var config struct {
		Addr  string
		Retry policy.Policy
	}
	err := json.Unmarshal([]byte(`{
		"addr": "ftp.example.com",
		"retry": {"attempts": 8, "initial": "500ms", "classes": {"storage": {"initial": "1m"}}}
	}`), &config)
	fmt.Println(config.Retry, err)

	err = json.Unmarshal([]byte(`{"retry": {"max": 30}}`), &config)
	fmt.Println(err)
	// Output:
	// attempts=8 initial=500ms storage.initial=1m <nil>
	// policy: max "30": want a duration in quotes with its unit, such as "500ms"
}

// Decoders of YAML, TOML and environment variables hand the text of a value to
// its UnmarshalText. The few lines here stand for any of them.
func ExamplePolicy_UnmarshalText() {
	const file = `
upload: attempts=20 max=5m
download: attempts=3, jitter=-1
`
	var config struct{ Upload, Download policy.Policy }
	fields := map[string]encoding.TextUnmarshaler{"upload": &config.Upload, "download": &config.Download}

	for lines := bufio.NewScanner(strings.NewReader(file)); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), ": ")
		if !ok {
			continue
		}
		if err := fields[key].UnmarshalText([]byte(value)); err != nil {
			fmt.Println(key, err)
		}
	}
	fmt.Println(config.Upload)
	fmt.Println(config.Download)
	// Output:
	// attempts=20 max=5m
	// attempts=3 jitter=-1
}

func ExampleSchedule() {
	p := policy.Policy{Attempts: 4, Jitter: -1} // no jitter, so that the output is always the same
	now := time.Now()
	schedule := p.Start(now)
	for {
		wait, stop := schedule.Next(now, transient.Overload, false, 0)
		if stop != policy.Continue {
			fmt.Println("stopped by", stop, "after", schedule.Attempts())
			return
		}
		fmt.Println("attempt", schedule.Attempts(), "failed, wait", wait)
		now = now.Add(wait)
	}
	// Output:
	// attempt 1 failed, wait 5s
	// attempt 2 failed, wait 10s
	// attempt 3 failed, wait 20s
	// stopped by attempts after 4
}

func ExampleBudget() {
	budget, err := policy.NewBudget(0.5, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for file := range 4 { // each fails for good
		budget.Earn()
		replays := 0
		for replays < 6 && budget.Spend() {
			replays++
		}
		fmt.Println("file", file+1, "replays", replays)
	}
	// Output:
	// file 1 replays 2
	// file 2 replays 0
	// file 3 replays 1
	// file 4 replays 0
}
