package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The types below are what flags hold. They say what they want, which those of
// package flag do not.

// number is a whole number, from 1 on.
type number int

func (n *number) String() string { return strconv.Itoa(int(*n)) }

// Set is of [flag.Value].
func (n *number) Set(text string) error {
	i, err := strconv.Atoi(text)
	if err != nil || i < 1 {
		return errors.New("want a whole number, 1 or more")
	}
	*n = number(i)
	return nil
}

// span is a duration; 0 is a default that is stated elsewhere.
type span time.Duration

func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

// Set is of [flag.Value].
func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("want a duration with its unit, such as 500ms, 30s or 1m30s")
	}
	*s = span(d)
	return nil
}

// choice is one of several words; the first is the default.
type choice struct {
	among []string
	word  string
}

func (c *choice) String() string {
	if c.word == "" && len(c.among) > 0 {
		return c.among[0]
	}
	return c.word
}

// Set is of [flag.Value].
func (c *choice) Set(text string) error {
	for _, word := range c.among {
		if text == word {
			c.word = word
			return nil
		}
	}
	return fmt.Errorf("want %s", strings.Join(c.among, ", "))
}

// patterns are a flag that may be given more than once.
type patterns []string

func (p *patterns) String() string { return strings.Join(*p, ",") }

// Set is of [flag.Value], and adds a pattern.
func (p *patterns) Set(text string) error {
	*p = append(*p, text)
	return nil
}

// moment is a point in time, given as a time of day or as a duration from now
// on. The zero moment is never.
type moment struct {
	time.Time
	text string
}

func (m *moment) String() string { return m.text }

// Set is of [flag.Value].
func (m *moment) Set(text string) error {
	now := time.Now()
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		m.Time, m.text = now.Add(d), text
		return nil
	}
	at, err := time.ParseInLocation("15:04", text, time.Local)
	if err != nil {
		return errors.New("want a time of day such as 06:00, or a duration such as 8h")
	}
	m.Time, m.text = time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, time.Local), text
	if !m.After(now) {
		m.Time = m.AddDate(0, 0, 1)
	}
	return nil
}
