package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// reportWithin is how long a command waits at its end for the workshop to take what it reports.
const reportWithin = time.Second

// reporter tells the workshop that a workspace takes part in how its checks go. What cannot be sent now is sent later; a
// verdict on the screen never waits for it. A nil reporter tells nobody.
type reporter struct {
	place *client.Place
	mu    sync.Mutex // one sends at a time
	wait  sync.WaitGroup
}

// reporter is nil where the workspace takes part in no workshop.
func (a *app) reporter(w *workspace.Workspace) *reporter {
	p, err := client.Kept(w.Dir)
	if err != nil {
		if !errors.Is(err, client.ErrNoPlace) {
			a.note("%v", err)
		}
		return nil
	}
	return &reporter{place: p}
}

// tell notes a result and sends it while others go on.
func (r *reporter) tell(ctx context.Context, result run.Result) {
	if r == nil || result.Verdict == run.NotAttempted {
		return
	}
	if r.place.Note(result, time.Now()) != nil {
		return // a full disk is told by what else is written
	}
	r.wait.Go(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		_, _ = r.place.Send(ctx, time.Now())
	})
}

// close waits a moment for what is being sent, and says if the workshop cannot be reached.
func (r *reporter) close(ctx context.Context, a *app) {
	if r == nil {
		return
	}
	sent := make(chan bool)
	go func() {
		r.wait.Wait()
		close(sent)
	}()
	select {
	case <-sent:
	case <-time.After(reportWithin):
	case <-ctx.Done():
		return
	}
	if r.place.Waiting() > 0 {
		a.note("the workshop does not answer; what it is to know is sent later, and nothing is lost")
		return
	}
	a.hearAt(ctx, r.place)
}

// hear shows what the instructor has said to all since the last command.
func (a *app) hear(ctx context.Context, w *workspace.Workspace) {
	if p, err := client.Kept(w.Dir); err == nil {
		a.hearAt(ctx, p)
	}
}

func (a *app) hearAt(ctx context.Context, p *client.Place) {
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	said, err := p.Hear(ctx)
	if err != nil {
		return // the next command hears it
	}
	for _, m := range said {
		a.note("the instructor, at %s: %s", m.At.Local().Format("15:04"), m.Text)
	}
}
