package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/doctor"
	"github.com/backend-labs/backend-labs/harness/term"
)

type doctorOptions struct {
	*app
	json    bool
	verbose bool
}

func newDoctor(a *app) *cobra.Command {
	o := &doctorOptions{app: a}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "What works on this machine, and what to do about the rest",
		Long: `Doctor builds something small of the course, and looks at every place from which Redis and Postgres could come and at
the sandboxes that graded runs need, by trying from inside what they must prevent. Of each promise that a graded verdict
rests on it says whether it holds here, and by what that is known. The last two lines say what is ready: for your own
checks, and for graded runs.

It ends with 0 if labs can be checked here, and with 3 if not even that is possible.`,
		Example: `  labs doctor
  labs doctor -v        each probe of each sandbox, and what nobody has asked for, too
  labs doctor --json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	c.Flags().BoolVar(&o.json, "json", false, "as JSON on standard output")
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "all that was looked at")
	return c
}

func (o *doctorOptions) run(ctx context.Context) error {
	w, err := o.openAnywhere()
	if err != nil {
		return err
	}
	exam := &doctor.Exam{
		Builder: o.builder(w), Course: w.Course, Backends: o.backendOptions(w, backends.Auto),
		Look: func(what string) { o.note("looking at %s", what) },
	}
	tell := o.line
	if o.json {
		tell = func(doctor.Line) {}
	}
	all := exam.Run(ctx, tell)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	promises := doctor.Promises(all)
	for _, l := range promises {
		tell(l)
	}
	if o.json {
		enc := json.NewEncoder(o.Out)
		enc.SetIndent("", "  ")
		err = enc.Encode(append(all, promises...))
	} else {
		o.wrapped("", doctor.Verdict(all))
		o.wrapped("", doctor.Graded(all))
	}
	if err == nil && !doctor.Ready(all) {
		return &notPassed{exitInfra}
	}
	return err
}

// partColumns is the width of the column of parts, with the mark before it.
const partColumns = 22

// line shows one line, and below it what to do.
func (o *doctorOptions) line(l doctor.Line) {
	if l.Minor && !o.verbose {
		return
	}
	p := o.Paint()
	mark := p.Good("✓")
	switch {
	case !l.OK && l.Needed:
		mark = p.Bad("✗")
	case !l.OK:
		mark = p.Warn("–")
	}
	o.wrapped(fmt.Sprintf("%s %-*s", mark, partColumns-2, l.Part), l.Detail)
	if !l.OK && l.Hint != "" {
		o.wrapped(strings.Repeat(" ", partColumns), "→ "+l.Hint)
	}
}

// wrapped writes text behind a beginning, with the lines after the first below each other.
func (o *doctorOptions) wrapped(begin, text string) {
	indent := strings.Repeat(" ", ansi.StringWidth(begin))
	lines := strings.Split(term.Wrap(text, max(20, o.Columns-len(indent))), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	fmt.Fprintln(o.Out, begin+strings.Join(lines, "\n"+indent))
}
