package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/judge"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/watch"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

type watchOptions struct {
	*app
	provider string
	editor   bool
	noRace   bool
	of       string // judged in place of the learner's files

	w       *workspace.Workspace
	j       *judging
	b       *compile.Builder // for hashes
	columns func() int       // of the terminal now
	lacking bool             // a backend, in the last run
	tells   *reporter        // what the workshop is told, if there is one
	whole   context.Context  // of the session
	over    struct {         // why the lab that was named as the next is not the one behind
		lab  *course.Lab
		text string
	}
	cold func() // ends what warm has begun
}

func newWatch(a *app) *cobra.Command {
	o := &watchOptions{app: a, columns: func() int { return a.Columns }}
	c := &cobra.Command{
		Use:   "watch [LAB]",
		Short: "Judge a lab again after every save",
		Long: `Watch judges a lab at once and again after every save, and shows the first failing check in full. A save during a run
ends that run and starts another. The verdict of the plain run comes first; that of the run under the race detector
follows.

Without a lab it takes the one of the current folder, else the one worked on last, else the first that is not passed.
A pass never moves on by itself.

On a terminal these keys work: h one more hint, b the brief, v the result in full, s the solution and the model answer
after a pass, n and p the next and the previous lab, l all labs, r run again, ? help, q quit. Where input or output is
not a terminal there are no keys, and verdicts are written one after the other.

` + exitHelp,
		Example: `  labs watch                          the lab you are at
  labs watch b10                      this one
  labs watch i02 --backend local      with the Postgres of this machine
  labs watch b10 --no-race            without the race detector, on a slow machine
  labs watch b10 --of reference       the reference, while you write the lab: saves of lab.yaml count, too
  labs watch b10 > verdicts.txt       without keys`,
		Args:              atMostOneLab,
		ValidArgsFunction: a.completeLabs,
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(c.Context(),
				args)
		},
	}
	f := c.Flags()
	f.StringVar(&o.provider, "backend", "auto",
		"where Redis and Postgres come from: {auto|url|container|local|embedded}")
	f.StringVar(&o.of, "of", "",
		"judge, instead of yours, the lab's own {stub|reference|`variant`}, for its author")
	f.BoolVar(&o.noRace, "no-race", false,
		"leave the run under the race detector out; a lab that demands one is then not passed yet")
	f.BoolVar(&o.editor, "editor", false, "a line for each failure, as compilers write them, for an editor that reads along")
	return c
}

func (o *watchOptions) run(ctx context.Context, args []string) error {
	if err := checkProvider(o.provider); err != nil {
		return err
	}
	var err error
	if o.w, err = o.app.open(); err != nil {
		return err
	}
	o.b = o.builder(o.w)
	first, err := o.first(args)
	if err != nil {
		return err
	}
	// A window that is closed ends the session in order, too.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	ctx, cancel := o.whileRead(ctx)
	defer cancel()
	o.whole, o.cold = ctx, func() {}
	defer func() { o.cold() }()
	quiet := *o.app
	o.j = newJudging(&quiet, o.w, o.provider, grade.Options{Race: !o.noRace})
	o.j.Remember, o.j.Stubs = o.of == "", o.of != ""
	o.tells = o.reporter(o.w)
	defer o.j.close() // after the terminal is restored: a server may take a moment to end
	s := o.session()
	if o.editor {
		s.View = &watch.Editor{Out: o.Out}
		return s.Run(ctx, first)
	}
	in, ok := o.In.(*os.File)
	if !ok || !o.Interactive || os.Getenv("TERM") == "dumb" {
		s.View = &watch.Lines{Out: o.Out, Err: o.Err, Colour: o.Colour}
		return s.Run(ctx, first)
	}
	t, err := watch.OpenTerminal(in, os.Stdout)
	if err != nil {
		return err
	}
	defer t.Close()
	screen := &watch.Screen{Out: o.Out, Size: t.Size, Colour: o.Colour}
	defer screen.Close()
	s.View, s.Keys, s.Redraw, s.Suspend = screen, watch.ReadKeys(in), t.Redraw(), t.Suspend
	o.columns = func() int { columns, _ := t.Size(); return columns }
	notes := make(chan string, 8)
	s.Notes = notes
	streams := *o.Streams
	streams.Err = noteWriter(notes)
	quiet.Streams = &streams
	return s.Run(ctx, first)
}

// first is the lab to begin with: somebody who has just come gets one, too.
func (o *watchOptions) first(args []string) (*course.Lab, error) {
	l, err := o.lab(o.w, args)
	if err == nil || len(args) > 0 || len(o.w.Course.Labs) == 0 {
		return l, err
	}
	standings, err := o.w.Standings(o.b)
	if err != nil {
		return nil, err
	}
	if l = workspace.Resume(o.w.Course, standings, ""); l == nil {
		l = o.w.Course.Labs[0]
	}
	return l, nil
}

func (o *watchOptions) session() *watch.Session {
	return &watch.Session{
		Judge: o.judge, Watch: o.watch, Enter: o.enter, Next: o.next, Before: o.before,
		Answer: (*course.Lab).HasSolution,
		Pages: map[rune]func(context.Context, watch.Scene) (*watch.Page, error){
			watch.KeyHint: o.hintPage, watch.KeySolution: o.solutionPage, watch.KeyList: o.listPage,
			watch.KeyBrief: o.briefPage, watch.KeyFull: o.fullPage, watch.KeyHelp: watch.HelpFor(func() int { return o.columns() }),
		},
	}
}

// judge is one run. Saves and the checks' own files make up the state that a verdict is about.
func (o *watchOptions) judge(ctx context.Context, l *course.Lab, again bool,
	show func(watch.Verdict)) error {
	if again && o.lacking {
		// Perhaps it is there now: "labs up" has been run, or Docker started.
		o.j.close()
	}
	o.j.Force = again
	o.cold()
	f, err := o.watched(l)
	if err != nil {
		return err
	}
	tmp, err := owner.TempDir("", "of")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	job := grade.Job{Lab: f.lab, Dir: l.Dir}
	if o.of != "" {
		if job.Dir, err = f.lab.Variant(o.of, tmp); err != nil {
			return err
		}
	}
	var soFar []run.Check
	o.j.Each = func(_ int, c run.Check) {
		soFar = append(soFar, c)
		show(watch.Verdict{Partial: true, Result: run.Result{Checks: soFar}})
	}
	_, err = o.j.Judge.Judge(ctx, []grade.Job{job}, func(v judge.Verdict) {
		o.lacking = slices.ContainsFunc(v.Checks,
			func(c run.Check) bool {
				return c.Verdict == run.NotJudged ||
					c.Verdict == run.InfraError
			})
		if v.Verdict == run.NotAttempted {
			o.warm(l)
		}
		if !v.Plain && !v.Remembered && o.of == "" {
			o.tells.tell(ctx, v.Result)
		}
		show(watch.Verdict{Result: v.Result, State: f.judged(v.Result), Plain: v.Plain,
			Remembered: v.Remembered})
	})
	return err
}

// warm compiles what a lab needs while its brief is read.
func (o *watchOptions) warm(l *course.Lab) {
	ctx, cancel := context.WithCancel(o.whole)
	done := make(chan bool)
	go func() {
		defer close(done)
		o.j.Warm(ctx, l)
	}()
	o.cold = func() {
		cancel()
		<-done
	}
}

func (o *watchOptions) enter(ctx context.Context, l *course.Lab) (notice string, err error) {
	if o.of != "" {
		return "judged is the " + o.variant() + ", not what lies in the lab's folder",
			l.HasVariant(o.of)
	}
	if err := o.w.Update(ctx, func(p *workspace.Progress) { p.Last = l.ID }); err != nil {
		return "", err
	}
	if o.over.lab == l {
		notice = o.over.text
	}
	o.over.lab = nil
	return notice, nil
}

// variant is what is judged in place of the learner's files, in words.
func (o *watchOptions) variant() string {
	if o.of == course.VariantStub || o.of == course.VariantReference {
		return o.of
	}
	return "mutant " + o.of
}

// next is the lab to go on with, or nil if all others are passed.
func (o *watchOptions) next(l *course.Lab) *course.Lab {
	standings, err := o.w.Standings(o.b)
	if err != nil {
		return nil
	}
	next := workspace.Next(o.w.Course, standings, l)
	o.over.lab, o.over.text = next, workspace.PassedOver(o.w.Course, standings, l, next)
	return next
}

func (o *watchOptions) before(l *course.Lab) *course.Lab {
	if i := slices.Index(o.w.Course.Labs, l); i > 0 {
		return o.w.Course.Labs[i-1]
	}
	return nil
}

// page is what write writes to an app of its own, as lines.
func (o *watchOptions) page(write func(a *app) error) (*watch.Page, error) {
	var text bytes.Buffer
	streams := *o.Streams
	streams.Out, streams.Err, streams.Columns = &text, io.Discard, o.columns()
	streams.Pager = ""
	a := *o.app
	a.Streams, a.foldCode = &streams, true
	if err := write(&a); err != nil {
		return nil, err
	}
	return &watch.Page{Lines: strings.Split(strings.Trim(text.String(), "\n"), "\n")}, nil
}

func (o *watchOptions) hintPage(ctx context.Context, s watch.Scene) (*watch.Page, error) {
	return o.page(func(a *app) error {
		return a.hint(ctx, o.w, s.Lab,
			hints{one: true, all: true})
	})
}

func (o *watchOptions) solutionPage(ctx context.Context, s watch.Scene) (*watch.Page, error) {
	p, err := o.page(func(a *app) error { return runSolution(ctx, a, []string{s.Lab.Slug}, false) })
	var early *notYet
	switch {
	case errors.As(err, &early) && s.Phase == watch.Racing && s.Result.Verdict == run.Passed:
		return nil, errors.New("a moment: the run under the race detector belongs to a pass")
	case errors.As(err, &early) && s.Result != nil && s.Result.NotYetRaced():
		return nil, fmt.Errorf("%s; labs solution %s --give-up shows it all the same",
			run.NotYetRaced, s.Lab.Slug)
	case errors.As(err, &early):
		return nil, fmt.Errorf(
			"not passed yet; h gives a hint, and labs solution %s --give-up shows it all the same",
			s.Lab.Slug)
	}
	return p, err
}

func (o *watchOptions) briefPage(_ context.Context, s watch.Scene) (*watch.Page, error) {
	return o.page(func(a *app) error {
		data, err := os.ReadFile(filepath.Join(s.Lab.Dir, "README.md"))
		if err != nil {
			return err
		}
		return a.markdown(string(data))
	})
}

func (o *watchOptions) fullPage(_ context.Context, s watch.Scene) (*watch.Page, error) {
	if s.Result == nil {
		return nil, errors.New("there is no result yet")
	}
	return o.page(func(a *app) error {
		report.Terminal(a.Out, *s.Result, report.Style{Colour: a.Colour, Columns: a.Columns,
			Verbose: true, Failing: true})
		if len(s.Result.Checks) == 0 {
			return nil
		}
		_, err := fmt.Fprintf(a.Out, "\n%s\n",
			a.Paint().Faint(fmt.Sprintf(
				"labs check %s --seed %d repeats it with the same random choices", s.Lab.Slug,
				s.Result.Seed)))
		return err
	})
}

// listPage has the labs by level, each to be picked.
func (o *watchOptions) listPage(context.Context, watch.Scene) (*watch.Page, error) {
	standings, err := o.w.Standings(o.b)
	if err != nil {
		return nil, err
	}
	page := &watch.Page{}
	table := labTable{Paint: o.Paint(), columns: o.columns() - 2}
	table.each(o.w.Course.Labs, standings, func(l *course.Lab, line string) {
		page.Lines, page.Labs = append(page.Lines, line), append(page.Labs, l)
	})
	page.Lines, page.Labs = append(page.Lines, ""), append(page.Labs, nil)
	for line := range strings.SplitSeq(term.Wrap(legend, o.columns()-2), "\n") {
		page.Lines, page.Labs = append(page.Lines, o.Paint().Faint(line)), append(page.Labs, nil)
	}
	return page, nil
}

// noteWriter takes the lines of progress off the error stream, where they would spoil the screen.
type noteWriter chan<- string

func (n noteWriter) Write(text []byte) (int, error) {
	for line := range strings.Lines(ansi.Strip(string(text))) {
		select {
		case n <- strings.TrimPrefix(strings.TrimSpace(line), "· "):
		default: // nobody misses one
		}
	}
	return len(text), nil
}
