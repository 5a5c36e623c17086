// Package probes answers what an orchestrator asks a process: whether it has come up, whether
// only a restart would help it, and whether it should get traffic now.
package probes

import (
	"context"
	"net/http"
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

// Probes know how one process is.
type Probes struct {
	options  Options
	critical int // how many of the dependencies are

	// mu is held for a moment only, never while a check runs: no probe waits for a dependency.
	mu       sync.Mutex
	started  bool
	stopping bool
	lastBeat time.Time
	unwell   bool // what the polls say; well until they say otherwise
	against  int  // how many polls in a row have spoken against that
}

// New returns the probes of a process that is still starting.
func New(o Options) *Probes {
	p := &Probes{options: o}
	for _, d := range o.Deps {
		if d.Critical {
			p.critical++
		}
	}
	return p
}

// Started tells that the process has warmed up.
func (p *Probes) Started() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started, p.lastBeat = true, time.Now()
}

// Beat tells that the main loop is alive.
func (p *Probes) Beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastBeat = time.Now()
}

// Stopping tells that the process is about to leave.
func (p *Probes) Stopping() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = true
}

// finding is what a check has found.
type finding struct {
	critical bool
	err      error
}

// Poll finds out how the dependencies are.
func (p *Probes) Poll(ctx context.Context) {
	// There is room for all of them: a check that comes back late finds nobody waiting, and must
	// not stay for ever.
	findings := make(chan finding, len(p.options.Deps))
	for _, d := range p.options.Deps {
		go func() { findings <- finding{d.Critical, d.Check(ctx)} }()
	}
	well := 0
	for range p.options.Deps {
		select {
		case f := <-findings:
			if f.critical && f.err == nil {
				well++
			}
		case <-ctx.Done(): // whatever has not come by now has failed
		}
	}
	p.count(well < p.critical)
}

// count takes a poll into account.
func (p *Probes) count(failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if failed == p.unwell {
		p.against = 0 // one that agrees ends the row of those that do not
		return
	}
	enough := p.options.FailAfter
	if p.unwell {
		enough = p.options.RecoverAfter
	}
	if p.against++; p.against >= enough {
		p.unwell, p.against = failed, 0
	}
}

// Startupz answers whether the process has come up.
func (p *Probes) Startupz() http.Handler {
	return p.answer(func() bool { return p.started })
}

// Livez answers whether the process is alive, or only a restart would help.
func (p *Probes) Livez() http.Handler {
	return p.answer(func() bool {
		// Whoever starts or stops may be busy with that, and is not to be killed for it.
		return !p.started || p.stopping || time.Since(p.lastBeat) <= p.options.LiveWindow
	})
}

// Readyz answers whether the process should get traffic now.
func (p *Probes) Readyz() http.Handler {
	return p.answer(func() bool { return p.started && !p.stopping && !p.unwell })
}

// answer is a handler that says yes or no. It asks nobody but our own memory.
func (p *Probes) answer(yes func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		ok := yes()
		p.mu.Unlock()
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}
