//go:build linux

// Latency measures how many small files a second clients move to and from a
// server that is far away: eight bare connections of github.com/jlaffaye/ftp,
// this library, lftp, rclone and curl, against one real server and in one run.
//
//	bash .ci/compare-latency
//
// The server and the clients live in two network namespaces, joined by a link
// that holds every packet back for a while (link.go): what a connection costs,
// and an end that is waited for, costs here what it costs on a long line. Needs
// root.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the flags, and what one role tells the next.
type options struct {
	server   string
	programs string
	files    int
	size     int
	sessions int
	rounds   int
	delay    time.Duration
	trips    bool
	tls      bool
	dir      string
	role     string
	job      string
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "vsftpd", "vsftpd, proftpd, pure-ftpd or pyftpdlib")
	flag.StringVar(&o.programs, "programs", strings.Join(names(), ","), "clients to compare, comma-separated")
	flag.IntVar(&o.files, "files", 2000, "files each way")
	flag.IntVar(&o.size, "size", 4096, "bytes of each")
	flag.IntVar(&o.sessions, "sessions", 8, "connections at once")
	flag.IntVar(&o.rounds, "rounds", 1, "times that everything is done; medians are shown")
	flag.DurationVar(&o.delay, "delay", 10*time.Millisecond, "of a packet, one way")
	flag.BoolVar(&o.trips, "trips", false, "count round trips for a file: few files, over a line so slow that nothing else tells")
	flag.BoolVar(&o.tls, "tls", false, "over TLS; lftp, rclone and curl are left out")
	flag.StringVar(&o.dir, "dir", "", "the run's folder, given by the program to itself")
	flag.StringVar(&o.role, "role", "", "server or client, given by the program to itself")
	flag.StringVar(&o.job, "job", "", "what a client is to do, given by the program to itself")
	flag.Parse()
	var err error
	switch o.role {
	case "server":
		serve(o)
	case "client":
		err = work(o)
	default:
		err = compare(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

// fewRounds is what the shorter of two runs moves for each session: enough for
// what happens once to be the same in both.
const fewRounds = 4

// site is what a client must know of the server.
type site struct {
	Addr, User, Password, Root string
	TLS                        bool
}

// job is one measurement. Files are named 0 to To-1, in Remote and in Local.
type job struct {
	Site     site
	Program  string
	Up       bool
	From, To int
	Remote   string
	Local    string
	Sessions int
}

// outcome is what a client says of its job.
type outcome struct{ Took time.Duration }

// compare runs everything and prints a table.
func compare(o options) (err error) {
	if os.Getuid() != 0 {
		return fmt.Errorf("needs root for network namespaces")
	}
	if o.rounds < 1 || o.files < 1 || o.sessions < 1 {
		return fmt.Errorf("-rounds, -files and -sessions are 1 at least")
	}
	few, many := 0, o.files
	if o.trips {
		o.delay = 100 * time.Millisecond
		few, many = fewRounds*o.sessions, 4*fewRounds*o.sessions
	}
	l, err := open(o.delay)
	if err != nil {
		return err
	}
	defer l.close()
	base := "/dev/shm" // no disk is to be measured
	if _, err := os.Stat(base); err != nil {
		base = ""
	}
	if o.dir, err = os.MkdirTemp(base, "ftpretry-latency-"); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir) //nolint:errcheck // it is in the temporary folder
	if err := os.Chmod(o.dir, 0o755); err != nil {
		return err
	}
	s, stop, err := l.startServer(o)
	if err != nil {
		return err
	}
	defer stop()
	if err := plant(s, o, many); err != nil {
		return err
	}
	trip, err := l.trip(s.Addr)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d files of %d bytes, %d sessions, round trip %.1f ms, medians of %d\n\n", o.server, many, o.size, o.sessions, ms(trip), o.rounds)
	programs := strings.Split(o.programs, ",")
	took := map[string]*[2][]time.Duration{}
	for range o.rounds { // each program once in each, so that a bad minute meets all of them
		for _, p := range programs {
			if took[p] == nil {
				took[p] = &[2][]time.Duration{}
			}
			for way, up := range []bool{false, true} {
				d, err := l.measure(o, s, p, up, many)
				if err == nil && few > 0 {
					var less time.Duration
					less, err = l.measure(o, s, p, up, few)
					d -= less
				}
				if err != nil {
					fmt.Printf("%s: %v\n", p, err)
					continue
				}
				took[p][way] = append(took[p][way], d)
			}
		}
	}
	fmt.Printf("%-28s %9s %9s %11s %11s\n", "", "down/s", "up/s", "trips down", "trips up")
	moved := float64(many - few)
	for _, p := range programs {
		rate, trips := [2]string{"-", "-"}, [2]string{"-", "-"}
		for way, all := range took[p] {
			if len(all) < o.rounds {
				continue // it has failed
			}
			slices.Sort(all)
			median := all[len(all)/2].Seconds()
			rate[way] = fmt.Sprintf("%.1f", moved/median)
			trips[way] = fmt.Sprintf("%.2f", median*float64(o.sessions)/moved/trip.Seconds())
		}
		fmt.Printf("%-28s %9s %9s %11s %11s\n", p, rate[0], rate[1], trips[0], trips[1])
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// startServer starts this program as the server.
func (l *link) startServer(o options) (s site, stop func(), err error) {
	cmd, err := l.self(l.far, "-role", "server", "-server", o.server, "-dir", o.dir, "-tls="+strconv.FormatBool(o.tls))
	if err != nil {
		return s, nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return s, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return s, nil, err
	}
	if err := cmd.Start(); err != nil {
		return s, nil, err
	}
	stop = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		stop()
		return s, nil, fmt.Errorf("server did not start: %w", err)
	}
	return s, stop, nil
}

// measure runs one client over n files and sees that they have arrived.
func (l *link) measure(o options, s site, program string, up bool, n int) (time.Duration, error) {
	j := job{Site: s, Program: program, Up: up, To: n, Sessions: o.sessions, Local: filepath.Join(o.dir, "local"), Remote: "/" + source}
	from, to := filepath.Join(s.Root, source), j.Local
	if up {
		j.Remote = "/in"
		j.Local = filepath.Join(o.dir, fmt.Sprint("files-", n))
		from, to = j.Local, filepath.Join(s.Root, "in")
	} else if n != o.files {
		j.Remote += strconv.Itoa(n)
		from = filepath.Join(s.Root, j.Remote)
	}
	if err := refresh(s, o, to); err != nil {
		return 0, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return 0, err
	}
	cmd, err := l.self(l.near, "-role", "client", "-job", string(text))
	if err != nil {
		return 0, err
	}
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	var got outcome
	if err := json.Unmarshal(out, &got); err != nil {
		return 0, err
	}
	return got.Took, alike(from, to, n)
}

// self is this program again, in one of the namespaces.
func (l *link) self(space string, args ...string) (*exec.Cmd, error) {
	name, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("ip", slices.Concat([]string{"netns", "exec", space, name}, args)...)
	cmd.Stderr = os.Stderr
	return cmd, nil
}
