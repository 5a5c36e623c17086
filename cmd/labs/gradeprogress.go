package main

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/backend-labs/backend-labs/harness/batch"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/term"
)

func cores() int { return runtime.NumCPU() }

// oneProgress tells how far one submission is.
type oneProgress struct {
	*term.Live
	mu           sync.Mutex
	checks, race int
}

func (a *app) judging() *oneProgress {
	return &oneProgress{Live: a.NewLive("reading and building")}
}

func (p *oneProgress) event(e grade.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Plain != nil:
		p.Set("judging under the race detector")
	case e.Check != nil && e.Race:
		p.race++
		p.Set("judging under the race detector, %s done", term.Plural(p.race, "check"))
	case e.Check != nil:
		p.checks++
		p.Set("judging, %s done", term.Plural(p.checks, "check"))
	}
}

// manyProgress tells how far many submissions are: a bar on a terminal, elsewhere a line for each.
type manyProgress struct {
	*app
	all   int
	mu    sync.Mutex
	count int
	now   []string // the names of those that are being judged
	bar   *progressbar.ProgressBar
	done  chan struct{}
	wg    sync.WaitGroup
}

func (a *app) batchProgress(n int) *manyProgress {
	p := &manyProgress{app: a, all: n, done: make(chan struct{})}
	if !a.ErrTerminal {
		return p
	}
	p.bar = progressbar.NewOptions(n, progressbar.OptionSetWriter(a.Err),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true))
	p.wg.Go(func() { // so that the clock goes on while nothing ends
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-p.done:
				return
			case <-tick.C:
				p.mu.Lock()
				p.bar.Describe(p.names())
				p.mu.Unlock()
			}
		}
	})
	return p
}

func (p *manyProgress) event(e batch.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !e.Done {
		p.now = append(p.now, e.Name)
	} else {
		p.count++
		if i := slices.Index(p.now, e.Name); i >= 0 {
			p.now = slices.Delete(p.now, i, i+1)
		}
	}
	switch {
	case p.bar != nil && e.Done:
		p.bar.Describe(p.names())
		p.bar.Add(1)
	case p.bar != nil:
		p.bar.Describe(p.names())
	case e.Done:
		p.note("%d of %d: %s", p.count, p.all, report.Plain(e.Name))
	}
}

// names are those that are being judged, in the room that there is.
func (p *manyProgress) names() string {
	return report.Fit(report.Plain(strings.Join(p.now, ", ")), max(10, p.Columns-56))
}

func (p *manyProgress) stop() {
	close(p.done)
	p.wg.Wait()
	if p.bar != nil {
		p.bar.Finish()
	}
}
