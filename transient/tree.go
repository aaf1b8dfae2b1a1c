package transient

import (
	"net/textproto"
	"reflect"
)

// maxNodes bounds the walk through an error. A tree that is larger, or that
// contains itself, is not understood, and so not replayed.
const maxNodes = 1000

// walk calls visit for every error in the tree, from the outside in and from
// the first joined to the last, as errors.As does, but without stopping at the
// first that fits. It reports whether it came to the end of the tree. visit
// says whether to go on below the error it was given.
func walk(err error, visit func(error) bool) bool {
	left := maxNodes
	return descend(err, visit, &left)
}

func descend(err error, visit func(error) bool, left *int) bool {
	if err == nil || isNilPointer(err) {
		return true
	}
	if *left--; *left < 0 {
		return false
	}
	if !visit(err) {
		return true
	}
	switch node := err.(type) {
	case interface{ Unwrap() error }:
		return descend(node.Unwrap(), visit, left)
	case interface{ Unwrap() []error }:
		for _, each := range node.Unwrap() {
			if !descend(each, visit, left) {
				return false
			}
		}
	}
	return true
}

// isNilPointer reports whether an error is there in name only: a nil pointer
// in an interface, whose methods may panic.
func isNilPointer(err error) bool {
	v := reflect.ValueOf(err)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// replyOf returns the reply that this one error is or, by an As method of its
// own, stands for.
func replyOf(err error) *textproto.Error {
	switch e := err.(type) {
	case *textproto.Error:
		return e
	case interface{ As(any) bool }:
		var reply *textproto.Error
		if e.As(&reply) {
			return reply
		}
	}
	return nil
}
