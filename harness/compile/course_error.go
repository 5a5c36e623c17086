package compile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
)

// CourseError says that a lab cannot be built as the course has it: its checks, its given files or
// the kit have been changed, or were never right. Nobody is judged by such a lab.
type CourseError struct {
	Lab    string // the slug
	Text   string // what is wrong, in one line
	Remedy string
}

func (e *CourseError) Error() string { return e.Text }

// Hint says what to do.
func (e *CourseError) Hint() string { return e.Remedy }

func newCourseError(l *course.Lab, text, remedy string) *CourseError {
	return &CourseError{Lab: l.Slug, Text: text, Remedy: remedy}
}

// Pristine builds labs as the course has them, each with its recorded stub and nobody's files,
// outside of a sandbox. A run that grades does so before it judges anybody: what all submissions
// share then lies in the build cache, and what the course itself is to blame for ends the run and
// becomes nobody's failure. race says which to build with the race detector, too.
//
// The error is of one lab, the first in their order: a [*CourseError] if it does not compile, else
// what stands in the way on this machine, with a Hint.
func (b *Builder) Pristine(ctx context.Context, labs []*course.Lab,
	race func(*course.Lab) bool) error {
	outside := &Builder{Course: b.Course, Dir: b.Dir, Progress: b.Progress}
	var reqs []Request
	for _, l := range labs {
		dir := pristine(l)
		reqs = append(reqs, Request{Lab: l, Dir: dir})
		if race(l) {
			reqs = append(reqs, Request{Lab: l, Dir: dir, Race: true})
		}
	}
	for i, bin := range outside.Build(ctx, reqs) {
		if bin.Err != nil {
			return bin.Err
		}
		if bin.Compile != nil {
			return asTheCourseHasIt(reqs[i].Lab, bin.Compile)
		}
	}
	return nil
}

// pristine is the folder with a lab's files as the course has them: the recorded stub, or the lab's
// own folder where none is recorded.
func pristine(l *course.Lab) string {
	if dir, err := l.Stub(); err == nil {
		return dir
	}
	return l.Dir
}

func asTheCourseHasIt(l *course.Lab, e *CompileError) *CourseError {
	text, _, _ := strings.Cut(e.Error(), "\n")
	return newCourseError(l, fmt.Sprintf("%s does not compile as the course has it: %s", l.Slug,
		text),
		"git status labs/"+l.Slug+" shows what has been changed; its author runs labs prove "+
			l.Slug)
}

// excuse looks again at the requests whose compile errors are all about the checks. The learner may
// have changed the API, or somebody the checks: if they do not compile with the recorded stub
// either, it is not the learner's fault.
func (b *Builder) excuse(ctx context.Context, batches []*batch) {
	for _, batch := range batches {
		for _, p := range batch.plans {
			stub, err := p.req.Lab.Stub()
			e := p.out.Compile
			if err != nil || e == nil || len(e.Lines) == 0 || !e.Lines[0].Check ||
				p.req.Dir == stub || p.req.Hunt != "" || b.Sandbox != nil {
				continue
			}
			with := b.Build(ctx, []Request{{Lab: p.req.Lab, Dir: stub}})[0]
			if with.Compile != nil && slices.ContainsFunc(with.Compile.Lines,
				func(l CompileLine) bool { return l.Check }) {
				p.out.Compile, p.out.Err = nil, asTheCourseHasIt(p.req.Lab, with.Compile)
			}
		}
	}
}
