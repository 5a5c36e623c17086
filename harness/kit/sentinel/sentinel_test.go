package sentinel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
)

var (
	errA     = errors.New("a")
	errB     = errors.New("b")
	errInner = fmt.Errorf("inner: %w", errA) // it wraps errA itself
	known    = sentinel.Errors{"ErrA": errA, "ErrB": errB, "ErrInner": errInner}
)

type always struct{}

func (always) Error() string { return "always" }
func (always) Is(error) bool { return true }

type assigns struct{ error }

func (assigns) As(any) bool { return true }

type itself struct{}

func (itself) Error() string   { return "itself" }
func (e itself) Unwrap() error { return e }

type pointer struct{ text string }

func (p *pointer) Error() string { return p.text }

type panics struct{ error }

func (panics) Is(error) bool { panic("no") }

type many struct{ errs []error }

func (many) Error() string     { return "many" }
func (m many) Unwrap() []error { return m.errs }

// says is an error of a type of its own that honestly says what it is.
type says struct{}

func (says) Error() string        { return "says" }
func (says) Is(target error) bool { return target == errB }

func TestErrors(t *testing.T) {
	t.Parallel()
	var nothing *pointer
	for _, tt := range []struct {
		name string
		err  error
		is   error // the one that it is, of errA, errB, context.Canceled; nil: none
		none bool
		say  string
	}{
		{"the error itself", errA, errA, false, "ErrA"},
		{"wrapped", fmt.Errorf("x: %w", fmt.Errorf("y: %w", errB)), errB, false, "ErrB"},
		{"joined with another", errors.Join(errors.New("x"), errB), errB, false, "ErrB"},
		{"one that says so by its Is", says{}, errB, false, "ErrB"},
		{"no error", nil, nil, false, "no error"},
		{"another error", errors.New("x"), nil, true, "the error: x"},
		{"one that is not among them", context.Canceled, context.Canceled, true, "the error: context canceled"},
		{"two at once", errors.Join(errA, errB), nil, false, "one error that is ErrA and ErrB at once: no caller can tell which"},
		{"one of them and one that is not among them", errors.Join(errA, context.Canceled), errA, false, "ErrA"},
		{"an Is that is always true", fmt.Errorf("x: %w", always{}), nil, false, "one error that says of itself that it is every error there is"},
		{"an As that is always true", assigns{errA}, nil, false, "one error that says of itself that it is every error there is"},
		{"an Unwrap without end", itself{}, nil, true, "the error: itself"},
		{"a nil pointer", nothing, nil, true, "the error: one whose Error panics (runtime error: invalid memory address or nil pointer dereference): is it a nil *sentinel_test.pointer?"},
		{"an Is that panics", panics{errA}, nil, true, "the error: a"},
		{"what cannot be compared", many{[]error{nil, errB}}, errB, false, "ErrB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, want := range []error{errA, errB, context.Canceled} {
				if got := known.Is(tt.err, want); got != (tt.is == want) {
					t.Errorf("got %v for %v, want %v", got, want, tt.is == want)
				}
			}
			if got := known.None(tt.err); got != tt.none {
				t.Errorf("got none %v, want %v", got, tt.none)
			}
			if got := known.Say(tt.err); got != tt.say {
				t.Errorf("got %q, want %q", got, tt.say)
			}
			outcome := tt.say
			if tt.err == nil {
				outcome = "nil"
			}
			if got := known.Outcome(tt.err); got != outcome {
				t.Errorf("got the outcome %q, want %q", got, outcome)
			}
		})
	}
	if known.Is(errInner, errInner) {
		t.Error("got one of them taken for itself that is another, too: a switch takes the first case")
	}
	if outer := fmt.Errorf("x: %w", errB); !known.Is(fmt.Errorf("y: %w", outer), outer) {
		t.Error("got an error refused for being what the wanted one is")
	}
	if !known.Is(nil, nil) || known.Is(errA, nil) || known.None(nil) {
		t.Error("got no error taken for one, or one for none")
	}
	if known.Is(errInner, errA) {
		t.Error("got the wrapping error taken for the wrapped one: a caller would take the first case")
	}
}

// first says yes to the first of the course's errors that it is asked for, and stays with that.
type first struct{ said *error }

func (first) Error() string { return "first" }
func (f first) Is(target error) bool {
	if *f.said == nil && (target == errA || target == errB) {
		*f.said = target
	}
	return *f.said == target
}

// unwraps wraps all errors when it is asked for the first time, and one from then on.
type unwraps struct{ asked *int }

func (unwraps) Error() string { return "unwraps" }
func (u unwraps) Unwrap() []error {
	if *u.asked++; *u.asked == 1 {
		return []error{errA, errB}
	}
	return nil
}

// usual says yes to all that is usual, and to nothing that it does not know.
type usual struct{}

func (usual) Error() string { return "usual" }
func (usual) Is(target error) bool {
	return target == context.Canceled || target == context.DeadlineExceeded || target == io.EOF || target == errA
}

// TestErrors_thatChange has errors that say what the check wants to hear.
func TestErrors_thatChange(t *testing.T) {
	t.Parallel()
	const times = 200
	believed := 0
	for range times {
		if known.Is(first{new(error)}, errA) {
			believed++
		}
		if known.Is(unwraps{new(int)}, errA) || known.None(unwraps{new(int)}) {
			t.Fatal("got an error believed that wraps two at once, when it is asked for the first time")
		}
	}
	if believed < times/5 || believed > times*4/5 {
		t.Errorf("got an error that says yes to the first question believed %d times of %d, want about half", believed, times)
	}
	if sentinel.Is(usual{}, context.Canceled) || known.Is(usual{}, errA) {
		t.Error("got an error believed that is all the usual ones")
	}
}
