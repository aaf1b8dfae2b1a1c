package main

import (
	"fmt"
	"slices"
	"time"
)

// score is the sum of all results.
type score struct {
	trials   int
	jobs     []string // in the order of the results
	commands []string // verbs, in the order of a session
	clients  []string
	total    map[string][outcomes]int      // by client
	perJob   map[[2]string][outcomes]int   // by client and job
	cells    map[string]map[[2]string]cell // by client, then command and fault
	longest  map[string]time.Duration      // by client, hangs left out
	example  map[string]map[outcome]result // by client: the first of each kind
}

// cell is one square of the picture: all trials of one fault at one command.
type cell struct {
	worst outcome
	bad   int // trials that ended in worst
	of    int // trials that met the fault
}

// session is the order in which commands come.
var session = []string{
	"CONNECT", "USER", "PASS", "FEAT", "TYPE", "OPTS", "EPSV", "PASV", "SIZE", "MDTM", "REST", "STOR", "APPE", "RETR",
	"MLST", "MLSD", "LIST", "NLST", "DELE", "MKD", "RMD", "RNFR", "RNTO", "CWD", "PWD", "NOOP", "QUIT",
}

func tally(results []result) score {
	s := score{
		total: map[string][outcomes]int{}, perJob: map[[2]string][outcomes]int{},
		cells: map[string]map[[2]string]cell{}, longest: map[string]time.Duration{}, example: map[string]map[outcome]result{},
	}
	for _, c := range clients() {
		s.clients = append(s.clients, c.name)
		s.cells[c.name], s.example[c.name] = map[[2]string]cell{}, map[outcome]result{}
	}
	for _, r := range results {
		s.add(r)
	}
	s.trials = len(results) / len(s.clients)
	slices.SortFunc(s.commands, func(a, b string) int { return slices.Index(session, a) - slices.Index(session, b) })
	return s
}

func (s *score) add(r result) {
	if !slices.Contains(s.jobs, r.job.name) {
		s.jobs = append(s.jobs, r.job.name)
	}
	if !slices.Contains(s.commands, r.step.verb) {
		s.commands = append(s.commands, r.step.verb)
	}
	count := s.total[r.client]
	count[r.outcome]++
	s.total[r.client] = count

	count = s.perJob[[2]string{r.client, r.job.name}]
	count[r.outcome]++
	s.perJob[[2]string{r.client, r.job.name}] = count

	at := [2]string{r.step.verb, r.fault.Name}
	c := s.cells[r.client][at]
	if r.outcome > c.worst {
		c.worst, c.bad = r.outcome, 0
	}
	if r.outcome == c.worst {
		c.bad++
	}
	if r.outcome != unmet {
		c.of++
	}
	s.cells[r.client][at] = c

	if r.outcome != hang {
		s.longest[r.client] = max(s.longest[r.client], r.took)
	}
	if _, had := s.example[r.client][r.outcome]; !had {
		s.example[r.client][r.outcome] = r
	}
}

// String is one line that says what happened, for whoever wants to see it again.
func (r result) String() string {
	where := fmt.Sprintf("%s, %s %d, %s", r.job.name, r.step.verb, r.step.nth, r.fault)
	return fmt.Sprintf("%s: %s: %s: %s", r.client, where, r.outcome, r.detail)
}
