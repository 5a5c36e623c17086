package batch

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/run"
)

// picked is what of a submission is to be judged, and what is known without judging.
type picked struct {
	jobs  []grade.Job
	notes map[string]string // remarks on what is judged, by slug
	ours  map[string]bool   // what is one of the course's own solutions, to the byte, by slug
	slots []slot            // the results in their order
	// the slugs of labs that are the untouched stub and that nobody has asked for
	left []string
}

// slot is the place of a result: it is known already, or that of the next job.
type slot struct{ known *run.Result }

// pick writes the files of what is to be judged below dir and tells it from what is not.
func (g *Grader) pick(found []intake.Submission, dir string) (*picked, error) {
	p := &picked{notes: map[string]string{}, ours: map[string]bool{}}
	files := map[*course.Lab]intake.Submission{}
	for _, f := range found {
		files[f.Lab] = f
	}
	for _, l := range g.Labs {
		f, there := files[l]
		switch {
		case there:
			if err := g.pickOne(p, f, filepath.Join(dir, l.Slug)); err != nil {
				return nil, err
			}
		case g.Demanded:
			p.know(g.unjudged(l, run.NotHandedIn, "the submission has no "+
				strings.Join(l.Files, " and no ")+" of this lab"))
		}
	}
	g.nothingTouched(p)
	return p, nil
}

func (g *Grader) pickOne(p *picked, f intake.Submission, dir string) error {
	if err := f.WriteTo(dir); err != nil {
		return fault.Of("write the files of a submission", err)
	}
	touched, err := f.Lab.Touched(dir)
	switch {
	case err != nil || len(touched) > 0: // of a lab without a recorded stub it is not known: it is judged
		p.jobs = append(p.jobs, grade.Job{Lab: f.Lab, Dir: dir, Note: f.Note})
		p.slots = append(p.slots, slot{})
		p.notes[f.Lab.Slug], p.ours[f.Lab.Slug] = resembles(f)
	case g.Demanded || f.Note != "": // perhaps all the work lies in a file that is not handed in
		p.know(g.notAttempted(f.Lab, f.Note))
	default:
		p.left = append(p.left, f.Lab.Slug)
	}
	return nil
}

func (p *picked) know(r run.Result) { p.slots = append(p.slots, slot{&r}) }

func (g *Grader) notAttempted(l *course.Lab, note string) run.Result {
	r := g.unjudged(l, run.NotAttempted, "what was handed in is the untouched stub")
	if note != "" {
		r.Notes = append(r.Notes, note)
	}
	return r
}

// nothingTouched gives a submission a result in which nobody has written anything.
func (g *Grader) nothingTouched(p *picked) {
	if len(p.slots) > 0 {
		return
	}
	if len(p.left) == 1 {
		for _, l := range g.Labs {
			if l.Slug == p.left[0] {
				p.know(g.notAttempted(l, ""))
			}
		}
		p.left = nil
		return
	}
	p.know(g.blank(run.NotAttempted, fmt.Sprintf("all %d labs in it are the untouched stub",
		len(p.left))))
	p.left = nil
}

// excused is the result of one of the course's own solutions. If that does not pass, the course is at
// fault, and nobody loses points by it. Comments change no check, but a directive in one is rejected,
// and one that does not end does not compile: these verdicts stand unless the solution is the course's
// to the byte.
func excused(r run.Result, exact bool) run.Result {
	switch {
	case r.Verdict == run.Failed, r.Verdict == run.TimedOut,
		exact && (r.Verdict == run.BuildFailed || r.Verdict == run.Rejected):
		r.Verdict, r.Points = run.InfraError, 0
		r.Message = "the course's own solution does not pass here, so the lab judges nobody: labs prove " +
			strings.ToLower(r.Lab) + " shows what is wrong"
	}
	return r
}

// merge puts the results of the jobs in their places, and says what was left out.
func (p *picked) merge(judged []run.Result) []run.Result {
	results := make([]run.Result, len(p.slots))
	for i, s := range p.slots {
		if s.known != nil {
			results[i] = *s.known
			continue
		}
		results[i], judged = judged[0], judged[1:]
		if note := p.notes[results[i].Slug]; note != "" {
			results[i].Notes = append(results[i].Notes, note)
			results[i] = excused(results[i], p.ours[results[i].Slug])
		}
	}
	switch n := len(p.left); {
	case n == 1:
		results[0].Notes = append(results[0].Notes,
			p.left[0]+" is the untouched stub and was left out")
	case n > 1:
		results[0].Notes = append(results[0].Notes,
			fmt.Sprintf("%d other labs are the untouched stub and were left out", n))
	}
	return results
}
