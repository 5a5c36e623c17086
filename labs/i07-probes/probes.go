// Package probes answers what an orchestrator asks a process: whether it has come up, whether
// only a restart would help it, and whether it should get traffic now.
package probes

import (
	"context"
	"net/http"
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
	// Your fields.
}

// New returns the probes of a process that is still starting.
func New(o Options) *Probes {
	return &Probes{}
}

// Started tells that the process has warmed up.
func (p *Probes) Started() {}

// Beat tells that the main loop is alive.
func (p *Probes) Beat() {}

// Stopping tells that the process is about to leave.
func (p *Probes) Stopping() {}

// Poll finds out how the dependencies are.
func (p *Probes) Poll(ctx context.Context) {}

// Startupz answers whether the process has come up.
func (p *Probes) Startupz() http.Handler {
	return http.NotFoundHandler() // your code
}

// Livez answers whether the process is alive, or only a restart would help.
func (p *Probes) Livez() http.Handler {
	return http.NotFoundHandler() // your code
}

// Readyz answers whether the process should get traffic now.
func (p *Probes) Readyz() http.Handler {
	return http.NotFoundHandler() // your code
}
