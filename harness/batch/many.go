package batch

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Many is how many submissions are graded.
type Many struct {
	Jobs    int      // how many at once, at least 1
	Journal *Journal // keeps what is graded as it comes; nil for none
	// On, if not nil, is called when a submission is begun and when it is done, one call at a time.
	On func(Event)
}

// Event tells of one of many submissions.
type Event struct {
	Name string
	Done bool // otherwise it is begun
}

// All judges the submissions and fills in their results. Whatever is wrong with one, or breaks
// while it is judged, is its result and never stops the others. The error is ctx's or a
// [*NotReady]; what was judged before it stays filled in.
func (g *Grader) All(ctx context.Context, subs []Submission, m Many) error {
	var mu sync.Mutex
	on := func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if m.On != nil {
			m.On(e)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(m.Jobs)
	for i := range subs {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			on(Event{Name: subs[i].Name})
			err := g.oneOf(ctx, &subs[i], m.Journal)
			if err == nil {
				on(Event{Name: subs[i].Name, Done: true})
			}
			return err
		})
	}
	return group.Wait()
}

// oneOf judges one of many submissions, or finds it in the journal.
func (g *Grader) oneOf(ctx context.Context, s *Submission, j *Journal) error {
	read, err := g.read(*s, nil)
	key := ""
	if err == nil && read.refused == nil {
		key, err = g.contentKey(*s, read.found)
	}
	if kept := j.find(key); err == nil && kept != nil {
		s.Results = kept
		return nil
	}
	if err == nil {
		err = g.judge(ctx, s, read, nil)
	}
	_, not := err.(*NotReady)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case not:
		return err
	case err != nil:
		s.Results = g.whole(*s, run.InfraError, fault.Message(err))
		for i := range s.Results {
			s.Results[i].Submission = s.Name
		}
	}
	shorten(s.Results)
	if !slices.ContainsFunc(s.Results,
		func(r run.Result) bool { return r.Verdict == run.InfraError }) {
		j.add(key, s.Results)
	}
	return nil
}

// shorten keeps of what checks have printed as much as reports show: there may be many results.
func shorten(results []run.Result) {
	for i := range results {
		for k := range results[i].Checks {
			c := &results[i].Checks[k]
			c.Output = report.Shorten(c.Output)
		}
	}
}

// Graded counts the submissions that have their results.
func Graded(subs []Submission) (n int) {
	for _, s := range subs {
		if s.Results != nil {
			n++
		}
	}
	return n
}

// Results are those of all submissions, in their order.
func Results(subs []Submission) (all []run.Result) {
	for _, s := range subs {
		all = append(all, s.Results...)
	}
	return all
}
