package grade

import (
	"context"
	"strings"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/run"
)

// raceBuild is the build of the binaries with the race detector, which goes on beside the plain
// run.
type raceBuild struct {
	possible chan error // gives nil, or at once why there can be none on this machine
	// gives them in the order of the jobs; nothing if there can be none
	binaries chan []compile.Binary
}

// buildRace begins it.
func (s *session) buildRace(ctx context.Context, jobs []int) raceBuild {
	b := raceBuild{make(chan error, 1), make(chan []compile.Binary, 1)}
	go func() {
		if len(jobs) > 0 {
			if err := s.g.Builder.Race(); err != nil {
				b.possible <- err
				return
			}
		}
		b.possible <- nil
		b.binaries <- s.build(ctx, jobs, true)
	}()
	return b
}

// follow does the race run of those jobs whose verdict it can still change.
func (s *session) follow(ctx context.Context, racing []int, built raceBuild, cancel func()) {
	if err := <-built.possible; err != nil {
		for _, i := range racing {
			s.withoutRace(ctx, i, err)
		}
		return
	}
	open := map[int]bool{}
	for _, i := range racing {
		if s.tallies[i].undecided() && ctx.Err() == nil {
			r := s.result(i)
			s.on(Event{Job: i, Plain: &r})
			open[i] = true
		}
	}
	if len(open) == 0 {
		cancel() // nobody waits for what is still being built
	}
	race := <-built.binaries
	var jobs []int
	var binaries []compile.Binary
	for k, i := range racing {
		switch {
		case !open[i]:
		case race[k].Compile != nil: // it was edited meanwhile
			s.tallies[i].built(race[k])
			s.settle(ctx, i)
		case race[k].Err != nil:
			s.withoutRace(ctx, i, race[k].Err)
		default:
			jobs, binaries = append(jobs, i), append(binaries, race[k])
		}
	}
	s.runAll(ctx, jobs, binaries, true)
}

// followed reports whether a job's plain run may be followed by a race run, in which case it is
// settled there.
func (s *session) followed(i int) bool {
	return s.o.Races(s.jobs[i].Lab) && s.tallies[i].undecided()
}

// withoutRace settles a job that was left for the race run.
func (s *session) withoutRace(ctx context.Context, i int, err error) {
	if s.tallies[i].undecided() {
		s.noRace(i, err)
		s.settle(ctx, i)
	}
}

// noRace notes that a job cannot be run under the race detector. That never takes the place of what
// the plain run has found; but where the code is not trusted, there is no pass without it.
func (s *session) noRace(i int, err error) {
	t := s.tallies[i]
	if !t.undecided() {
		return
	}
	if s.g.Builder.Sandbox != nil {
		t.broken(err)
		return
	}
	text, hint, _ := strings.Cut(fault.Message(err), "\nhint: ")
	if no, ok := err.(*compile.NoRace); ok {
		text = no.Reason
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noRace = &run.Race{State: run.RaceNotToBeHad, Reason: text, Remedy: hint}
}

// race is what became of a job's run under the race detector.
func (s *session) race(i int) run.Race {
	l, t := s.jobs[i].Lab, s.tallies[i]
	t.mu.Lock()
	no := t.noRace
	t.mu.Unlock()
	switch {
	case !s.o.DemandsRace(l):
		return run.Race{State: run.RaceNotNeeded}
	case !s.o.Race:
		remedy := "labs check " + strings.ToLower(l.ID) + " has it, too"
		if s.g.Builder.Sandbox != nil {
			remedy = "grade it without that"
		}
		return run.Race{State: run.RaceLeftOut, Reason: "the race detector was left out by --no-race",
			Remedy: remedy}
	case no != nil:
		return *no
	case t.raced():
		return run.Race{State: run.RaceDone}
	}
	return run.Race{State: run.RaceNotBegun}
}
