package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/outfile"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

func newReport(a *app) *cobra.Command {
	file := "report.html"
	c := &cobra.Command{
		Use:   "report [LAB...]",
		Short: "Your last verdicts as a page to look at, print or send",
		Long: `Report writes one HTML file, which needs no other file and no network: the last verdict on each lab that you have worked
on, or on those named, the checks that did not pass in full with their pictures, the likely belief, and what has changed
since the last pass. Nothing is judged again.

For what others hand in there is labs grade --output html=FILE.

` + exitHelp,
		Example: `  labs report                       report.html, of all that you have worked on
  labs report b10 i06 -o two.html`,
		ValidArgsFunction: a.completeLabs,
		RunE:              func(_ *cobra.Command, args []string) error { return runReport(a, args, file) },
	}
	c.Flags().StringVarP(&file, "output", "o", file, "the `file` to write; - is standard output")
	return c
}

func runReport(a *app, args []string, file string) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	labs, err := w.Course.Select(args)
	if err != nil {
		return err
	}
	kept, err := w.Progress()
	if err != nil {
		return err
	}
	o := report.PageOptions{When: time.Now().Format("2 January 2006, 15:04"), Diff: map[string]string{}}
	var results []run.Result
	judged := 0
	for _, l := range labs {
		e := kept.Labs[l.ID]
		if e == nil || e.Result == nil {
			if len(args) > 0 {
				results = append(results, untried(l))
			}
			continue
		}
		judged++
		r := *e.Result
		if now, err := compile.SourceSHA256(l, l.Dir); err != nil || now != r.SourceSHA256 {
			r.Notes = append(r.Notes, "edited since this verdict: "+a.command+" check "+strings.ToLower(l.ID)+" judges it again")
		}
		o.Diff[l.ID] = w.SincePassed(l)
		results = append(results, r)
	}
	switch {
	case judged == 0 && len(args) > 0:
		return &usageError{fmt.Errorf("there is nothing to show: no verdict yet on %s", slugsOf(labs)),
			"labs check " + labs[0].Slug + " comes to one"}
	case judged == 0:
		return &usageError{fmt.Errorf("there is no verdict on any lab yet"), "labs check LAB comes to one"}
	}
	var b bytes.Buffer
	if err := report.Page(&b, results, o); err != nil {
		return err
	}
	if toStdout(file) {
		_, err := a.Out.Write(b.Bytes())
		return err
	}
	if err := outfile.Check(file); err != nil {
		return asUsage(err)
	}
	if err := outfile.Write(file, b.Bytes()); err != nil {
		return err
	}
	a.note("wrote %s", relative(file))
	return nil
}

func slugsOf(labs []*course.Lab) string {
	var names []string
	for _, l := range labs {
		names = append(names, l.Slug)
	}
	return strings.Join(names, ", ")
}

// untried is what a report says of a lab on which there is no verdict.
func untried(l *course.Lab) run.Result {
	return run.Result{Schema: run.Schema, Lab: l.ID, Slug: l.Slug, Title: l.Title, Verdict: run.NotAttempted,
		MaxPoints: l.MaxPoints()}
}
