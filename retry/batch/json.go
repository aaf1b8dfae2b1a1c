package batch

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// seconds is a duration as the JSON form of a report has it.
type seconds time.Duration

// MarshalJSON returns a number of seconds. Of durations below three months every
// nanosecond is kept.
func (s seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// longest is a duration of which two can be added: 100 years.
const longest = 100 * 365 * 24 * time.Hour

// UnmarshalJSON reads a number of seconds.
func (s *seconds) UnmarshalJSON(text []byte) error {
	var f float64
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	if !(math.Abs(f) <= longest.Seconds()) {
		return fmt.Errorf("batch: no run has a duration of %g seconds", f)
	}
	*s = seconds(math.Round(f * float64(time.Second)))
	return nil
}

// The types below are those of the report with their durations in the place of
// the others: encoding/json takes, of two fields of one name, the outer one.

type (
	plainReport Report
	plainEntry  Entry
	plainBar    Bar
	plainSpan   Span

	reportJSON struct {
		*plainReport
		Took   seconds `json:"took"`
		Waited seconds `json:"waited"`
	}
	entryJSON struct {
		*plainEntry
		Began  seconds `json:"began"`
		Took   seconds `json:"took"`
		Waited seconds `json:"waited"`
	}
	barJSON struct {
		*plainBar
		From seconds `json:"from"`
		To   seconds `json:"to"`
	}
	spanJSON struct {
		*plainSpan
		From seconds `json:"from"`
		To   seconds `json:"to"`
	}
)

// MarshalJSON returns the stable form that is described at the type.
func (r Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(reportJSON{(*plainReport)(&r), seconds(r.Took), seconds(r.Waited)})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (r *Report) UnmarshalJSON(text []byte) error {
	j := reportJSON{plainReport: (*plainReport)(r)}
	err := json.Unmarshal(text, &j)
	r.Took, r.Waited = time.Duration(j.Took), time.Duration(j.Waited)
	return err
}

// MarshalJSON returns the form described at Report.
func (e Entry) MarshalJSON() ([]byte, error) {
	return json.Marshal(entryJSON{(*plainEntry)(&e), seconds(e.Began), seconds(e.Took), seconds(e.Waited)})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (e *Entry) UnmarshalJSON(text []byte) error {
	j := entryJSON{plainEntry: (*plainEntry)(e)}
	err := json.Unmarshal(text, &j)
	e.Began, e.Took, e.Waited = time.Duration(j.Began), time.Duration(j.Took), time.Duration(j.Waited)
	return err
}

// MarshalJSON returns the form described at Report.
func (b Bar) MarshalJSON() ([]byte, error) {
	return json.Marshal(barJSON{(*plainBar)(&b), seconds(b.From), seconds(b.To)})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (b *Bar) UnmarshalJSON(text []byte) error {
	j := barJSON{plainBar: (*plainBar)(b)}
	err := json.Unmarshal(text, &j)
	b.From, b.To = time.Duration(j.From), time.Duration(j.To)
	return err
}

// MarshalJSON returns the form described at Report.
func (s Span) MarshalJSON() ([]byte, error) {
	return json.Marshal(spanJSON{(*plainSpan)(&s), seconds(s.From), seconds(s.To)})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (s *Span) UnmarshalJSON(text []byte) error {
	j := spanJSON{plainSpan: (*plainSpan)(s)}
	err := json.Unmarshal(text, &j)
	s.From, s.To = time.Duration(j.From), time.Duration(j.To)
	return err
}
