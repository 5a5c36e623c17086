package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/backend-labs/backend-labs/harness/batch"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/report"
)

func cores() int { return runtime.NumCPU() }

// quiet is how long a command may say nothing.
const quiet = 2 * time.Second

// saying is a line on the error stream that is written again every second, with what stands in it then. Only a terminal
// has one.
type saying struct {
	*app
	mu   sync.Mutex
	text func() string
	done chan struct{}
	wg   sync.WaitGroup
}

// say begins a line after some time in which nothing was said. It ends with stop.
func (a *app) say(after time.Duration, text func() string) *saying {
	s := &saying{app: a, text: text, done: make(chan struct{})}
	if !a.ErrTerminal {
		return s
	}
	begun := time.Now()
	s.wg.Go(func() {
		timer := time.NewTimer(after)
		defer timer.Stop()
		for {
			select {
			case <-s.done:
				fmt.Fprint(a.Err, "\r\x1b[K")
				return
			case <-timer.C:
				timer.Reset(time.Second)
			}
			s.mu.Lock()
			line := fmt.Sprintf("· %s, %d s", s.text(), int(time.Since(begun).Seconds()))
			s.mu.Unlock()
			fmt.Fprint(a.Err, "\r\x1b[K"+a.Paint().Faint(report.Fit(line, a.Columns-1)))
		}
	})
	return s
}

func (s *saying) stop() {
	close(s.done)
	s.wg.Wait()
}

// oneProgress tells how far one submission is.
type oneProgress struct {
	*saying
	checks, race int
	racing       bool
}

func (a *app) judging() *oneProgress {
	p := &oneProgress{}
	p.saying = a.say(quiet, func() string {
		switch {
		case p.racing:
			return fmt.Sprintf("judging under the race detector: %d checks are done", p.race)
		case p.checks > 0:
			return fmt.Sprintf("judging: %d checks are done", p.checks)
		}
		return "reading and building"
	})
	return p
}

func (p *oneProgress) event(e grade.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Plain != nil:
		p.racing = true
	case e.Check != nil && e.Race:
		p.race++
	case e.Check != nil:
		p.checks++
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
	p.bar = progressbar.NewOptions(n, progressbar.OptionSetWriter(a.Err), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish(),
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
		p.note("%d of %d: %s", p.count, p.all, e.Name)
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
