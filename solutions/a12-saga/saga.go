// Package saga does things that belong together at services that know nothing of each other: all of
// them, or none.
package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
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

const (
	doAttempts   = 4
	undoAttempts = 10
	firstPause   = 10 * time.Millisecond
	maxPause     = time.Second
)

// record is what is written down of a saga.
type record struct {
	Saga string
	What event
	Step int
}

// event is what a record says.
type event string

const (
	doing    event = "doing"    // the step is going to be done
	did      event = "did"      // it has been done
	declined event = "declined" // the saga is to be aborted: the step was not done, those before it were
	unclear  event = "unclear"  // it is to be aborted: the step was done, perhaps
	undid    event = "undid"    // the step has been undone
	aborted  event = "aborted"  // all have been
)

// Run starts a saga, or goes on with it.
func Run(ctx context.Context, log Log, id string, steps []Step) error {
	r := &run{ctx: ctx, log: log, id: fmt.Sprintf("%q", id), steps: steps} // quoted: JSON keeps only what is UTF-8
	for {
		// What has been written decides, also if another process has written it.
		err := r.read()
		if err == nil {
			err = r.next()
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

type run struct {
	ctx   context.Context
	log   Log
	id    string
	steps []Step

	// What the log says.
	tries   []int  // of each step: how many processes have been going to do it
	done    int    // so many steps have been done
	undone  []bool // of each step
	undo    int    // the first so many have to be undone; -1: the saga is not to be aborted
	aborted bool
}

func (r *run) read() error {
	recs, err := r.log.Read(r.ctx)
	if err != nil {
		return err
	}
	r.tries, r.undone = make([]int, len(r.steps)), make([]bool, len(r.steps))
	r.done, r.undo, r.aborted = 0, -1, false
	for _, data := range recs {
		var rec record
		if err := json.Unmarshal(data, &rec); err != nil {
			return err
		}
		if rec.Saga == r.id {
			r.apply(rec)
		}
	}
	return nil
}

func (r *run) apply(rec record) {
	switch rec.What {
	case doing:
		r.tries[rec.Step]++
	case did:
		r.done = rec.Step + 1
	case declined:
		r.undo = rec.Step
	case unclear:
		r.undo = rec.Step + 1
	case undid:
		r.undone[rec.Step] = true
	case aborted:
		r.aborted = true
	}
}

// append writes a record, and keeps to it.
func (r *run) append(what event, step int) error {
	rec := record{r.id, what, step}
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	if err := r.log.Append(r.ctx, data); err != nil {
		return err
	}
	r.apply(rec)
	return nil
}

// next does what is left to do.
func (r *run) next() error {
	for r.undo < 0 && r.done < len(r.steps) {
		if err := r.do(r.done); err != nil {
			return err
		}
	}
	switch {
	case r.aborted:
		return ErrAborted
	case r.undo >= 0:
		return r.abort()
	}
	return nil
}

// do does a step, or decides that the saga is to be aborted. Either is written down.
func (r *run) do(i int) error {
	// First of all the intention: whoever reads it after a crash knows that this may have been done.
	if err := r.append(doing, i); err != nil {
		return err
	}
	attempts, err := r.attempt(i, r.steps[i].Do, doAttempts, ErrDeclined)
	no := errors.Is(err, ErrDeclined)
	if err != nil && !no && r.ctx.Err() != nil {
		return r.ctx.Err() // and nothing is decided
	}
	for r.undo < 0 && r.done == i { // until this is decided, by whomever
		outcome := unclear
		switch {
		case err == nil:
			outcome = did
		case no && attempts == 1 && r.tries[i] == 1:
			outcome = declined // nobody else has asked, so there is nothing to undo
		}
		err := r.append(outcome, i)
		if errors.Is(err, ErrConflict) {
			err = r.read()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// abort undoes what may have been done, the last first.
func (r *run) abort() error {
	var stuck []error
	for i, step := range slices.Backward(r.steps[:r.undo]) {
		if r.undone[i] {
			continue
		}
		_, err := r.attempt(i, step.Undo, undoAttempts, nil)
		if err != nil && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if err != nil {
			stuck = append(stuck, fmt.Errorf("undo %s: %v", step.Name, err))
			continue
		}
		if err := r.append(undid, i); err != nil {
			return err
		}
	}
	if stuck != nil {
		return fmt.Errorf("%w: %w", ErrParked, errors.Join(stuck...))
	}
	if err := r.append(aborted, 0); err != nil {
		return err
	}
	return ErrAborted
}

// attempt calls a service until it answers, or for the last time, and says how often. final is an
// error that is an answer as well.
func (r *run) attempt(
	i int, call func(context.Context, string) error, most int, final error,
) (n int, err error) {
	key := fmt.Sprintf("%q %q", r.id, r.steps[i].Name) // the same after a crash
	for pause := firstPause; r.ctx.Err() == nil; pause = min(2*pause, maxPause) {
		n++
		err = call(r.ctx, key)
		if err == nil || errors.Is(err, final) || n == most {
			return n, err
		}
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
		}
	}
	return n, r.ctx.Err()
}
