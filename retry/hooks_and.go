package retry

import "context"

// And returns hooks that call those of h and then those of more, for a program
// of which several parts want to be told.
func (h Hooks) And(more Hooks) Hooks {
	return Hooks{
		Attempt:  both(h.Attempt, more.Attempt),
		Login:    both(h.Login, more.Login),
		Connect:  both(h.Connect, more.Connect),
		Progress: both(h.Progress, more.Progress),
		Failed:   both(h.Failed, more.Failed),
		Redial:   both(h.Redial, more.Redial),
		Wait:     both(h.Wait, more.Wait),
		Done:     both(h.Done, more.Done),
		Down:     both(h.Down, more.Down),
		Up:       both(h.Up, more.Up),
		Limit:    both(h.Limit, more.Limit),
	}
}

func both[T any](first, then func(context.Context, T)) func(context.Context, T) {
	switch {
	case first == nil:
		return then
	case then == nil:
		return first
	}
	return func(ctx context.Context, t T) {
		first(ctx, t)
		then(ctx, t)
	}
}
