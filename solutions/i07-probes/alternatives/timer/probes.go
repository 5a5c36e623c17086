// Package probes answers what an orchestrator asks a process: whether it has come up, whether
// only a restart would help it, and whether it should get traffic now.
package probes

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
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

// Probes know how one process is. A timer tells when a beat is overdue.
type Probes struct {
	options Options
	checks  []*check // of what is critical; the others are nobody's business

	mu      sync.RWMutex
	phase   phase
	up      bool // it has come up, and so it stays
	hung    bool
	beats   int // how many there were; a timer of an earlier one has nothing to say
	timer   *time.Timer
	history []bool // of the last polls, the newest last: good or not
	healthy bool
}

type phase int

const (
	booting phase = iota
	running
	leaving
)

// check is a dependency that is never asked twice at the same time.
type check struct {
	f    func(context.Context) error
	mu   sync.Mutex
	busy bool
}

// New returns the probes of a process that is still starting.
func New(o Options) *Probes {
	p := &Probes{options: o, healthy: true}
	for _, d := range o.Deps {
		if d.Critical {
			p.checks = append(p.checks, &check{f: d.Check})
		}
	}
	return p
}

// Started tells that the process has warmed up.
func (p *Probes) Started() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = true
	if p.phase == booting {
		p.phase = running
	}
	if p.phase == running {
		p.windUp()
	}
}

// Beat tells that the main loop is alive.
func (p *Probes) Beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == running {
		p.windUp()
	}
}

// windUp sets the timer to one window from now.
func (p *Probes) windUp() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.hung = false
	p.beats++
	mine := p.beats
	p.timer = time.AfterFunc(p.options.LiveWindow, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hung = p.hung || mine == p.beats && p.phase == running
	})
}

// Stopping tells that the process is about to leave.
func (p *Probes) Stopping() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	p.phase, p.hung = leaving, false
}

// Poll finds out how the dependencies are.
func (p *Probes) Poll(ctx context.Context) {
	good := make(chan bool, len(p.checks))
	for _, c := range p.checks {
		if !c.begin() {
			good <- false // it still hangs from an earlier poll, and one of its kind is enough
			continue
		}
		go func() {
			err := c.f(ctx)
			c.end()
			good <- err == nil
		}()
	}
	all := true
	for range p.checks {
		select {
		case one := <-good:
			all = all && one
		case <-ctx.Done():
			p.remember(false)
			return
		}
	}
	p.remember(all)
}

func (c *check) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	free := !c.busy
	c.busy = true
	return free
}

func (c *check) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
}

// remember keeps as many polls as a decision needs.
func (p *Probes) remember(good bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history = append(p.history, good)
	if most := max(p.options.FailAfter, p.options.RecoverAfter); len(p.history) > most {
		p.history = p.history[1:]
	}
	if p.lastAre(false, p.options.FailAfter) {
		p.healthy = false
	}
	if p.lastAre(true, p.options.RecoverAfter) {
		p.healthy = true
	}
}

// lastAre reports whether there were n polls, and the last n were all good or all not.
func (p *Probes) lastAre(good bool, n int) bool {
	return len(p.history) >= n && !slices.Contains(p.history[len(p.history)-n:], !good)
}

// Startupz answers whether the process has come up.
func (p *Probes) Startupz() http.Handler { return p.tell(func() bool { return p.up }) }

// Livez answers whether the process is alive, or only a restart would help.
func (p *Probes) Livez() http.Handler { return p.tell(func() bool { return !p.hung }) }

// Readyz answers whether the process should get traffic now. One that hangs should not: it is
// another minute until the kubelet has restarted it.
func (p *Probes) Readyz() http.Handler {
	return p.tell(func() bool { return p.phase == running && p.healthy && !p.hung })
}

func (p *Probes) tell(yes func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.RLock()
		ok := yes()
		p.mu.RUnlock()
		if !ok {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "yes")
	})
}
