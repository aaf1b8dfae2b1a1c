package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MarshalJSON writes the policy as an object with the keys of [Parse],
// durations as strings and the classes in an object of their own:
//
//	{"attempts":8,"initial":"500ms","classes":{"storage":{"initial":"1m"}}}
//
// Like MarshalText it refuses a policy that could not be read again.
func (p Policy) MarshalJSON() ([]byte, error) {
	if err := p.writable(); err != nil {
		return nil, err
	}
	members := p.members()
	var classes []string
	for _, class := range slices.Sorted(maps.Keys(p.Classes)) {
		own := p.Classes[class]
		classes = append(classes, strconv.Quote(class.String())+":{"+strings.Join(own.members(), ",")+"}")
	}
	if classes != nil {
		members = append(members, `"classes":{`+strings.Join(classes, ",")+"}")
	}
	return []byte("{" + strings.Join(members, ",") + "}"), nil
}

func (p *Policy) members() []string {
	var members []string
	for _, key := range keys {
		value := p.get(key)
		if value == "" {
			continue
		}
		if _, ok := p.field(key).(*time.Duration); ok {
			value = strconv.Quote(value)
		}
		members = append(members, strconv.Quote(key)+":"+value)
	}
	return members
}

// UnmarshalJSON replaces the whole policy by the object that MarshalJSON
// writes, or by a JSON string in the form that [Parse] reads. An unknown key, a
// key given twice and a duration without unit are errors, of type [*Error] and
// naming the key. On an error p stays as it was; null leaves it so too.
func (p *Policy) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if string(data) == "null" {
		return nil
	}
	var text string
	err := json.Unmarshal(data, &text)
	if err == nil {
		return p.Set(text)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return refuse("", string(data), "valid JSON: "+err.Error())
	}
	var q Policy
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := q.readObject(dec, ""); err != nil {
		return err
	}
	if err := q.Validate(); err != nil {
		return err
	}
	*p = q
	return nil
}

// readObject reads one policy, or the class that prefix names. It reads token
// by token because encoding/json would take the last of two equal keys.
func (p *Policy) readObject(dec *json.Decoder, prefix string) error {
	return members(dec, prefix, func(key string) error {
		if key == "classes" {
			if prefix != "" {
				return refuse(prefix+key, "set", "no classes inside a class")
			}
			return p.readClasses(dec)
		}
		return p.readField(dec, prefix, key)
	})
}

func (p *Policy) readClasses(dec *json.Decoder) error {
	return members(dec, "classes.", func(name string) error {
		class, ok := parseClass(name)
		if !ok {
			return refuse("class", name, "one of "+classNames())
		}
		var own Policy
		if err := own.readObject(dec, name+"."); err != nil {
			return err
		}
		p.setClass(class, own)
		return nil
	})
}

func (p *Policy) readField(dec *json.Decoder, prefix, key string) error {
	field := p.field(key)
	if field == nil {
		return refuseKey(prefix + key)
	}
	token, err := dec.Token()
	if err != nil {
		return err
	}
	_, quoted := field.(*time.Duration)
	switch value := token.(type) {
	case string:
		if quoted {
			return p.set(prefix, key, value)
		}
		return refuse(prefix+key, value, "a number without quotes")
	case json.Number:
		if !quoted {
			return p.set(prefix, key, value.String())
		}
		return refuse(prefix+key, value.String(), `a duration in quotes with its unit, such as "500ms"`)
	case json.Delim:
		return refuse(prefix+key, value.String(), "a single value")
	case nil:
		return refuse(prefix+key, "null", "a value, or the key left out")
	default:
		return refuse(prefix+key, fmt.Sprint(value), "a number or a duration")
	}
}

// members reads an object and calls read for each key, to read its value. The
// decoder's own errors are passed on as they are: none is left, because
// UnmarshalJSON has checked the syntax.
func members(dec *json.Decoder, prefix string, read func(key string) error) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return refuse(strings.TrimSuffix(prefix, "."), fmt.Sprint(token), `a JSON object such as {"attempts":8,"initial":"500ms"}`)
	}
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		key := strings.ToLower(fmt.Sprint(token))
		if seen[key] {
			return refuse("key", prefix+key, "it only once")
		}
		seen[key] = true
		if err := read(key); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the closing brace
	return err
}
