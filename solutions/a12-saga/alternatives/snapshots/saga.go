// Package saga does things that belong together at services that know nothing of each other: all of
// them, or none.
package saga

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
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

// state is how far a saga is. Each record is a whole one, and the last of a saga counts.
type state struct {
	Saga  string
	Ended bool   // all has been undone
	Back  bool   // it is to be aborted
	Steps []step // as far as they have been begun
}

// step is how far one is.
type step struct {
	Runs int // how many have begun to do it
	Done bool
	Gone bool // there is nothing to undo, or not any more
}

// Run starts a saga, or goes on with it.
func Run(ctx context.Context, log Log, id string, steps []Step) error {
	p := &process{ctx: ctx, log: log, id: strconv.Quote(id), steps: steps, begun: map[int]bool{}, answers: map[int]answer{},
		stuck: map[int]bool{}}
	for {
		now, err := p.load()
		if err != nil {
			return err
		}
		then, err := p.move(now)
		if err != nil || then == nil {
			return err
		}
		data, _ := json.Marshal(then)
		if err := log.Append(ctx, data); err == nil {
			p.begun[len(then.Steps)-1] = true
		} else if !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// process is what one process knows of a saga beside what is in the log.
type process struct {
	ctx   context.Context
	log   Log
	id    string
	steps []Step

	begun   map[int]bool   // it is in the log that this process does the step
	answers map[int]answer // what it was told
	stuck   map[int]bool   // what it could not undo
}

// answer is that of a service to a Do, at last.
type answer struct {
	err   error
	asked int // how often
}

func (p *process) load() (s *state, err error) {
	recs, err := p.log.Read(p.ctx)
	if err != nil {
		return nil, err
	}
	for i := len(recs) - 1; i >= 0; i-- {
		s := &state{}
		if err := json.Unmarshal(recs[i], s); err == nil && s.Saga == p.id {
			return s, nil
		}
	}
	return &state{Saga: p.id}, nil
}

// move does what is to be done next, and returns the state that this leads to; nil if it was the
// end.
func (p *process) move(s *state) (*state, error) {
	if s.Ended {
		return nil, ErrAborted
	}
	if s.Back {
		return p.back(s)
	}
	last := len(s.Steps) - 1
	if last < 0 || s.Steps[last].Done {
		if len(s.Steps) == len(p.steps) {
			return nil, nil
		}
		s.Steps = append(s.Steps, step{Runs: 1})
		return s, nil
	}
	cur := &s.Steps[last]
	if !p.begun[last] {
		cur.Runs++
		return s, nil
	}
	a, ok := p.answers[last]
	if !ok {
		a.asked, a.err = p.ask(4, last, p.steps[last].Do, true)
		if a.err != nil && p.ctx.Err() != nil && !errors.Is(a.err, ErrDeclined) {
			return nil, p.ctx.Err()
		}
		p.answers[last] = a
	}
	cur.Done = a.err == nil
	s.Back = a.err != nil
	cur.Gone = errors.Is(a.err, ErrDeclined) && a.asked == 1 && cur.Runs == 1
	return s, nil
}

// back undoes the last step that is left, or ends.
func (p *process) back(s *state) (*state, error) {
	for i := len(s.Steps) - 1; i >= 0; i-- {
		if s.Steps[i].Gone || p.stuck[i] {
			continue
		}
		if _, err := p.ask(10, i, p.steps[i].Undo, false); err != nil {
			if p.ctx.Err() != nil {
				return nil, p.ctx.Err()
			}
			p.stuck[i] = true
			continue
		}
		s.Steps[i].Gone = true
		return s, nil
	}
	for i := range s.Steps {
		if !s.Steps[i].Gone {
			return nil, ErrParked
		}
	}
	s.Ended = true
	return s, nil
}

func (p *process) ask(
	most, i int, call func(context.Context, string) error, declines bool,
) (asked int, err error) {
	key := strconv.Itoa(len(p.id)) + ":" + p.id + ":" + p.steps[i].Name
	for p.ctx.Err() == nil {
		asked++
		err = call(p.ctx, key)
		if err == nil || declines && errors.Is(err, ErrDeclined) || asked == most {
			return asked, err
		}
		timer := time.NewTimer(100 * time.Millisecond)
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			timer.Stop()
		}
	}
	return asked, p.ctx.Err()
}
