//go:build unix

package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// wire is the DevTools protocol: messages in JSON, each ended by a NUL.
type wire struct {
	in   io.WriteCloser
	done chan struct{} // the reader has ended

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	events  func(message)
}

type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

var errEnded = errors.New("the browser has ended")

func newWire(in io.WriteCloser, out io.ReadCloser) *wire {
	w := &wire{in: in, done: make(chan struct{}), waiting: make(map[int]chan message)}
	go w.read(out)
	return w
}

func (w *wire) read(out io.ReadCloser) {
	defer close(w.done)
	defer out.Close() //nolint:errcheck // only read
	from := bufio.NewReader(out)
	for {
		text, err := from.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
			return
		}
		w.mu.Lock()
		answer, events := w.waiting[m.ID], w.events
		delete(w.waiting, m.ID)
		w.mu.Unlock()
		switch {
		case answer != nil:
			answer <- m
		case events != nil && m.Method != "":
			events(m)
		}
	}
}

// call sends a command and reads its result into result, if that is not nil.
func (w *wire) call(ctx context.Context, session, method string, params, result any) error {
	text, err := json.Marshal(params)
	if err != nil {
		return err
	}
	answer := make(chan message, 1)
	w.mu.Lock()
	w.last++
	m := message{ID: w.last, Session: session, Method: method, Params: text}
	if params == nil {
		m.Params = nil
	}
	w.waiting[m.ID] = answer
	text, err = json.Marshal(m)
	if err == nil {
		_, err = w.in.Write(append(text, 0))
	}
	w.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case m = <-answer:
	case <-w.done:
		return fmt.Errorf("%s: %w", method, errEnded)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, context.Cause(ctx))
	}
	if m.Error != nil {
		return fmt.Errorf("%s: %s", method, m.Error.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(m.Result, result)
}

func (w *wire) close() { _ = w.in.Close() }
