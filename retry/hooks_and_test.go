package retry_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ftpretry/ftpretry/retry"
)

// told sets every hook to one that adds name to calls.
func told(name string, calls *[]string) (h retry.Hooks) {
	v := reflect.ValueOf(&h).Elem()
	for i := range v.NumField() {
		v.Field(i).Set(reflect.MakeFunc(v.Field(i).Type(), func([]reflect.Value) []reflect.Value {
			*calls = append(*calls, name)
			return nil
		}))
	}
	return h
}

func TestJoinedHooksAreBothToldOfEverything(t *testing.T) {
	t.Parallel()
	var calls []string
	one, other := told("one", &calls), told("other", &calls)
	for name, joined := range map[string]struct {
		hooks retry.Hooks
		want  []string
	}{
		"both":             {one.And(other), []string{"one", "other"}},
		"none after one":   {one.And(retry.Hooks{}), []string{"one"}},
		"other after none": {retry.Hooks{}.And(other), []string{"other"}},
	} {
		v := reflect.ValueOf(joined.hooks)
		for i := range v.NumField() {
			calls = nil
			f := v.Field(i)
			f.Call([]reflect.Value{reflect.ValueOf(context.Background()), reflect.Zero(f.Type().In(1))})
			assert.Equal(t, joined.want, calls, "%s: %s", name, v.Type().Field(i).Name)
		}
	}
	none := reflect.ValueOf(retry.Hooks{}.And(retry.Hooks{}))
	for i := range none.NumField() {
		assert.True(t, none.Field(i).IsNil(), none.Type().Field(i).Name)
	}
}
