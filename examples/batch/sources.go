package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/ftpretry/ftpretry/policy"
)

// prefix begins the names of the environment's variables.
const prefix = "FTPRETRY_"

// parse reads the command line args, and gives each flag that is not on it the
// value of the environment, or else of the settings file. It returns what is no
// flag, and the variables of the environment that are no settings.
func parse(flags *flag.FlagSet, args []string) (rest, strange []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, nil, err
		}
		left := flags.Args()
		if len(left) == 0 {
			break
		}
		if end := len(args) - len(left); end > 0 && args[end-1] == "--" {
			rest = append(rest, left...)
			break
		}
		// Flags may also follow what they belong to.
		rest, args = append(rest, left[0]), left[1:]
	}
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	known := everyFlag()
	if strange, err = fromEnvironment(flags, known, given); err != nil {
		return nil, nil, err
	}
	if file := flags.Lookup("config"); file != nil && file.Value.String() != "" {
		if err := fromFile(file.Value.String(), flags, known, given); err != nil {
			return nil, nil, fmt.Errorf("settings file %s: %w", shown(file.Value.String()), err)
		}
	}
	return rest, strange, nil
}

// fromEnvironment sets the flags that are not given. A variable that is set to
// nothing counts as not set.
func fromEnvironment(flags, known *flag.FlagSet, given map[string]bool) (strange []string, err error) {
	for _, variable := range slices.Sorted(slices.Values(os.Environ())) {
		name, value, _ := strings.Cut(variable, "=")
		key, ours := strings.CutPrefix(name, prefix)
		if !ours || value == "" {
			continue
		}
		key = strings.ReplaceAll(strings.ToLower(key), "_", "-")
		if known.Lookup(key) == nil {
			strange = append(strange, name)
			continue
		}
		f := flags.Lookup(key)
		if f == nil || given[key] {
			continue // of another command, or outranked
		}
		values := []string{value}
		if _, several := f.Value.(*patterns); several {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			if err := f.Value.Set(v); err != nil {
				return nil, fmt.Errorf("environment: %s is %q: %w", name, v, meaning(err))
			}
		}
		given[key] = true
	}
	return strange, nil
}

// fromFile sets the flags that are not given. Keys that no command has are
// refused, those of another command are not.
func fromFile(name string, flags, known *flag.FlagSet, given map[string]bool) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return fmt.Errorf("is no YAML: %w", firstLine(err))
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		body, ok := doc.Body.(ast.MapNode)
		if !ok {
			return fmt.Errorf("line %d: want keys with values, such as \"workers: 8\"", doc.Body.GetToken().Position.Line)
		}
		for each := body.MapRange(); each.Next(); {
			key, line := each.Key().String(), each.Key().GetToken().Position.Line
			if known.Lookup(key) == nil || key == "config" {
				return fmt.Errorf("line %d: %s is no setting: %s", line, shown(key), instead(key))
			}
			f := flags.Lookup(key)
			if f == nil || given[key] {
				continue
			}
			if err := setNode(f, each.Value()); err != nil {
				return fmt.Errorf("line %d: %s: %w", line, key, meaning(err))
			}
		}
	}
	return nil
}

// instead says what to write in place of a key that is none.
func instead(key string) string {
	if strings.Contains(strings.ToLower(key), "pass") {
		return "the password goes into FTP_PASSWORD, or into a file of its own that password-file names"
	}
	return "batch COMMAND -h lists them"
}

// setNode gives f the value of a node: one, or several for a flag that may be
// given several times, or the parts of a policy.
func setNode(f *flag.Flag, node ast.Node) error {
	var value any
	if err := yaml.NodeToValue(node, &value); err != nil {
		return firstLine(err)
	}
	switch v := value.(type) {
	case nil:
		return errors.New("has no value")
	case map[string]any:
		p, ok := f.Value.(*policy.Policy)
		if !ok {
			return errors.New("want one value")
		}
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return p.UnmarshalJSON(text)
	case []any:
		if _, several := f.Value.(*patterns); !several {
			return errors.New("want one value")
		}
		for _, each := range v {
			if err := f.Value.Set(fmt.Sprint(each)); err != nil {
				return err
			}
		}
		return nil
	}
	return f.Value.Set(fmt.Sprint(value))
}

// meaning is what a value's Set says, without what its caller says before it.
func meaning(err error) error {
	if err.Error() == "parse error" { // of package flag
		return errors.New("want true or false")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "policy: "))
}

// firstLine leaves out the picture of the place that the YAML library draws.
func firstLine(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(text)
}
