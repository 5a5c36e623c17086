package backends

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// impatient is a context whose deadline has passed, and that has not noticed yet.
type impatient struct{ context.Context }

func (impatient) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

// slow is a source that has nothing to give before the deadline.
type slow struct{ closed bool }

func (*slow) info() Info { return Info{Provider: URL} }

func (*slow) take(context.Context) (string, func(), error) {
	return "", nil, os.ErrDeadlineExceeded
}

func (*slow) exceeded(string) string { return "" }

func (s *slow) close() { s.closed = true }

// TestSupply_deadline: whoever stops waiting has learnt nothing about the backend.
func TestSupply_deadline(t *testing.T) {
	src := new(slow)
	s := &supply{backend: Redis, src: src,
		say:  t.Logf,
		open: func(context.Context) (source, *Error) { return new(slow), nil },
	}
	_, _, _, err := s.take(impatient{t.Context()})
	if !errors.Is(err, os.ErrDeadlineExceeded) || src.closed {
		t.Errorf("got %v, source given up: %v; want the deadline's error, and the same source", err,
			src.closed)
	}
	if _, _, _, err := s.take(t.Context()); err == nil || !src.closed {
		t.Errorf("got %v, source given up: %v; want an error, and another source looked for", err,
			src.closed)
	}
}
