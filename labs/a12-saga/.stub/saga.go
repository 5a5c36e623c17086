// Package saga does things that belong together at services that know nothing of each other: all of
// them, or none.
package saga

import (
	"context"
	"errors"
)

var (
	// ErrDeclined is what a service answers that has not done what it was asked for, and will not.
	ErrDeclined = errors.New("declined")
	// ErrUnknown stands for an answer that did not come.
	ErrUnknown = errors.New("no answer")
	// ErrAborted says that nothing is left of the saga.
	ErrAborted = errors.New("saga aborted")
	// ErrParked says that something is left that could not be undone yet.
	ErrParked = errors.New("saga parked")
	// ErrConflict is what Append returns when somebody else has appended.
	ErrConflict = errors.New("the log has grown")
)

// Step is something that a service does for a saga, and how it undoes it.
type Step struct {
	Name     string
	Do, Undo func(ctx context.Context, key string) error
}

// Log is the records of all sagas, as one process sees them. They outlive it.
type Log interface {
	// Append adds a record. It adds none and returns ErrConflict, perhaps wrapped, if the log has grown
	// since the last Read or Append of this process: then read it again, and go on from there.
	Append(ctx context.Context, rec []byte) error
	// Read returns all records, the oldest first.
	Read(ctx context.Context) ([][]byte, error)
}

// Run starts a saga, or goes on with it.
func Run(ctx context.Context, log Log, id string, steps []Step) error {
	return errors.New("not implemented") // your code
}
