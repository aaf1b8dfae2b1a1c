package batch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// patterns are those of Mirror.Include or Exclude.
type patterns []pattern

// pattern is one of them, see [Mirror].
type pattern struct {
	text     string
	elements []string
	folders  bool // matches directories only
}

// compile reads the patterns of a field.
func compile(field string, texts []string) (patterns, error) {
	var all patterns
	for _, text := range texts {
		p, err := compileOne(text)
		if err != nil {
			return nil, fmt.Errorf("batch: Mirror.%s has the pattern %q: %w", field, text, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func compileOne(text string) (pattern, error) {
	p := pattern{text: text}
	rest, folders := strings.CutSuffix(text, "/")
	p.folders = folders
	rest, anchored := strings.CutPrefix(rest, "/")
	if rest == "" {
		return p, fmt.Errorf("it is empty: leave it out")
	}
	p.elements = strings.Split(rest, "/")
	if len(p.elements) == 1 && !anchored {
		p.elements = []string{"**", p.elements[0]}
	}
	for _, e := range p.elements {
		if e == "" || e == "." || e == ".." {
			return p, fmt.Errorf("want names between slashes, not %q", e)
		}
		if e != "**" && strings.Contains(e, "**") {
			return p, fmt.Errorf("** stands alone between slashes, for any number of directories")
		}
		if _, err := path.Match(e, ""); err != nil {
			return p, fmt.Errorf("%q is not one (%w): see path.Match", e, err)
		}
	}
	return p, nil
}

// match finds the first pattern that name, relative and with slashes, matches.
func (ps patterns) match(name string, folder bool) (text string, ok bool) {
	if len(ps) == 0 {
		return "", false
	}
	elements := strings.Split(name, "/")
	for _, p := range ps {
		if (folder || !p.folders) && matches(p.elements, elements) {
			return p.text, true
		}
	}
	return "", false
}

// reach reports whether something in the directory name could match.
func (ps patterns) reach(name string) bool {
	elements := strings.Split(name, "/")
	return slices.ContainsFunc(ps, func(p pattern) bool { return reaches(p.elements, elements) })
}

func matches(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range len(name) + 1 {
				if matches(pattern[1:], name[i:]) {
					return len(name) > 0
				}
			}
			return false
		}
		if len(name) == 0 || !element(pattern[0], name[0]) {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}

func reaches(pattern, name []string) bool {
	for i, n := range name {
		if i >= len(pattern) {
			return false
		}
		if pattern[i] == "**" {
			return true
		}
		if !element(pattern[i], n) {
			return false
		}
	}
	return len(pattern) > len(name)
}

func element(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
