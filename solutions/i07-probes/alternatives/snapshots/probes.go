// Package probes answers what an orchestrator asks a process: whether it has come up, whether
// only a restart would help it, and whether it should get traffic now.
package probes

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// Dep is something that the process needs, such as a database.
type Dep struct {
	Name     string
	Check    func(context.Context) error
	Critical bool
}

// Options are what New needs to know, as the brief says.
type Options struct {
	LiveWindow   time.Duration
	FailAfter    int
	RecoverAfter int
	Deps         []Dep
}

// Probes know how one process is: what is known is one value that never changes, and each event
// puts a new one in its place.
type Probes struct {
	options Options
	known   atomic.Pointer[state]
}

// state is what is known at one moment.
type state struct {
	Started  bool              `json:"started"`
	Stopping bool              `json:"stopping"`
	Ready    bool              `json:"ready"` // as far as the polls know
	Beat     time.Time         `json:"beat"`
	Failed   int               `json:"failed"` // polls in a row
	Good     int               `json:"good"`   // polls in a row
	Deps     map[string]string `json:"deps"`   // as the last poll has found them
}

// New returns the probes of a process that is still starting.
func New(o Options) *Probes {
	p := &Probes{options: o}
	p.known.Store(&state{Ready: true})
	return p
}

// change puts what f makes of the state in its place, again if another was faster.
func (p *Probes) change(f func(s state) state) {
	for {
		before := p.known.Load()
		after := f(*before)
		if p.known.CompareAndSwap(before, &after) {
			return
		}
	}
}

// Started tells that the process has warmed up.
func (p *Probes) Started() {
	now := time.Now()
	p.change(func(s state) state { s.Started, s.Beat = true, now; return s })
}

// Beat tells that the main loop is alive.
func (p *Probes) Beat() {
	now := time.Now()
	p.change(func(s state) state { s.Beat = now; return s })
}

// Stopping tells that the process is about to leave.
func (p *Probes) Stopping() {
	p.change(func(s state) state { s.Stopping = true; return s })
}

var errNoAnswer = errors.New("no answer")

// Poll finds out how the dependencies are, those that are not critical as well: they are shown.
func (p *Probes) Poll(ctx context.Context) {
	answers := make([]chan error, len(p.options.Deps))
	for i, d := range p.options.Deps {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- d.Check(ctx) }()
	}
	failed, deps := false, map[string]string{}
	for i, d := range p.options.Deps {
		err := errNoAnswer
		select {
		case err = <-answers[i]:
		default:
			select {
			case err = <-answers[i]:
			case <-ctx.Done():
			}
		}
		deps[d.Name] = "up"
		if err != nil {
			deps[d.Name] = "down"
			failed = failed || d.Critical
		}
	}
	p.change(func(s state) state {
		s.Deps = deps
		return s.after(failed, p.options)
	})
}

// after is the state after one more poll.
func (s state) after(failed bool, o Options) state {
	if failed {
		s.Failed, s.Good = s.Failed+1, 0
	} else {
		s.Failed, s.Good = 0, s.Good+1
	}
	if s.Failed >= o.FailAfter {
		s.Ready = false
	}
	if s.Good >= o.RecoverAfter {
		s.Ready = true
	}
	return s
}

// Startupz answers whether the process has come up.
func (p *Probes) Startupz() http.Handler {
	return p.handler(func(s *state) bool { return s.Started })
}

// Livez answers whether the process is alive, or only a restart would help.
func (p *Probes) Livez() http.Handler {
	return p.handler(func(s *state) bool {
		hung := s.Started && !s.Stopping && time.Since(s.Beat) > p.options.LiveWindow
		return !hung
	})
}

// Readyz answers whether the process should get traffic now.
func (p *Probes) Readyz() http.Handler {
	return p.handler(func(s *state) bool { return s.Started && s.Ready && !s.Stopping })
}

// handler answers with a code for machines, and with what is known for people.
func (p *Probes) handler(yes func(*state) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := p.known.Load()
		w.Header().Set("Content-Type", "application/json")
		code := http.StatusOK
		if !yes(s) {
			code = http.StatusServiceUnavailable
		}
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(s)
	})
}
