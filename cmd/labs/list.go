package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/graph"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newList(a *app) *cobra.Command {
	asJSON, drawn, form := false, false, ""
	var part part
	c := &cobra.Command{
		Use:   "list",
		Short: "The labs by level, with your progress",
		Long: `List shows the labs by level, and where you stand with each: ` + legend + `.
On a pipe there is a line for each, with the columns id, folder, level, standing, minutes and question, and tabs between.

` + exitHelp,
		Example: `  labs list
  labs list --level advanced  those of a level
  labs list --path interview  those on a path: interview, reliability, distributed, api
  labs list --graph           which labs prepare for which
  labs list --format svg      the same as a picture
  labs list | grep rate       on a pipe the columns are separated by tabs
  labs list --json            for a program`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON && (drawn || form != "") {
				return &usageError{errors.New("--json and the graph do not go together"),
					"--json has in after what the graph draws"}
			}
			if drawn || form != "" {
				return runGraph(a, part, cmp.Or(form, "text"))
			}
			return runList(a, part, asJSON)
		},
	}
	c.Flags().BoolVar(&drawn, "graph", false, "which labs prepare for which")
	c.Flags().StringVar(&form, "format", "",
		"the `form` of the graph: {"+strings.Join(graph.Formats, "|")+"}; with it, --graph need not be said")
	part.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false,
		"as JSON: an array with id, slug, title, level, minutes, after, standing, question")
	return c
}

// listed is a lab as --json tells it.
type listed struct {
	ID       string             `json:"id"`
	Slug     string             `json:"slug"`
	Title    string             `json:"title"`
	Level    course.Level       `json:"level"`
	Minutes  int                `json:"minutes"` // an estimate
	After    []string           `json:"after"`   // the ids of the labs that prepare for it
	Standing workspace.Standing `json:"standing"`
	Question string             `json:"question"`
}

func runList(a *app, p part, asJSON bool) error {
	w, err := a.openAnywhere()
	if err != nil {
		return err
	}
	labs, err := p.of(w.Course)
	if err != nil {
		return err
	}
	a.tellBroken(w.Course)
	standings, err := w.Standings(a.builder(w))
	if err != nil {
		return err
	}
	switch {
	case asJSON:
		all := []listed{}
		for _, l := range labs {
			all = append(all, listed{l.ID, l.Slug, l.Title, l.Level, l.Minutes,
				append([]string{}, l.After...), standings[l.ID], l.Question})
		}
		return a.json(all)
	case !a.Interactive:
		for _, l := range labs {
			fmt.Fprintf(a.Out, "%s\t%s\t%s\t%s\t%d\t%s\n", l.ID, l.Slug, l.Level, standings[l.ID],
				l.Minutes, l.Question)
		}
		return nil
	}
	var b strings.Builder
	table := labTable{Paint: a.Paint(), columns: a.Columns}
	table.each(labs, standings, func(_ *course.Lab,
		line string) {
		fmt.Fprintln(&b, line)
	})
	fmt.Fprintf(&b, "\n%s\n", table.Faint(term.Wrap(legend, a.Columns)))
	return a.Page(b.String())
}

// runGraph draws which labs prepare for which.
func runGraph(a *app, p part, form string) error {
	if !slices.Contains(graph.Formats, form) {
		return &usageError{fmt.Errorf("--format %s is none", form), "one of " + strings.Join(graph.Formats, ", ")}
	}
	w, err := a.openAnywhere()
	if err != nil {
		return err
	}
	labs, err := p.of(w.Course)
	if err != nil {
		return err
	}
	standings, err := w.Standings(a.builder(w))
	if err != nil {
		return err
	}
	return a.Page(graph.Draw(labs, form, func(id string) bool { return standings[id].Done() }))
}

// part is a part of a course, by flags.
type part struct{ level, path string }

func (p *part) flags(c *cobra.Command) {
	c.Flags().StringVar(&p.level, "level", "", "only the labs of a level: {beginner|intermediate|advanced}")
	c.Flags().StringVar(&p.path, "path", "", "only the labs on a `path`, such as interview, in its order")
}

// of are the labs of the part; without flags all of them.
func (p part) of(c *course.Course) ([]*course.Lab, error) {
	labs := c.Labs
	if p.path != "" {
		var err error
		labs, err = c.Along(p.path)
		if none, ok := errors.AsType[*course.NoPath](err); ok {
			return nil, &usageError{none, none.Hint()}
		}
		if err != nil {
			return nil, err
		}
	}
	if p.level == "" {
		return labs, nil
	}
	var levels []string
	for _, l := range course.Levels {
		levels = append(levels, string(l))
	}
	if !slices.Contains(levels, p.level) {
		return nil, &usageError{fmt.Errorf("--level %s is none", p.level), "one of " + strings.Join(levels, ", ")}
	}
	return slices.DeleteFunc(slices.Clone(labs), func(l *course.Lab) bool { return string(l.Level) != p.level }), nil
}

// json writes what a command tells a program.
func (a *app) json(v any) error {
	enc := json.NewEncoder(a.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// legend explains the marks of [mark].
const legend = "✓ passed, ~ passed, and changed since, › begun"

// mark is a standing in one character, which says the same without its colour.
func mark(p term.Paint, s workspace.Standing) string {
	switch {
	case s == workspace.Passed:
		return p.Good("✓")
	case s.Done():
		return p.Warn("~")
	case s.UnderWay():
		return p.Warn("›")
	}
	return " "
}

// labTable lays labs out for so many columns, wrapped, never cut.
type labTable struct {
	term.Paint
	columns int
}

// roomy is the width from which the question stands beside the title, and widest what a title may
// take.
const (
	roomy  = 100
	widest = 34
)

// each calls line with each line: of a lab, or of none. Of a lab with several lines, only the first
// is given with it.
func (t labTable) each(labs []*course.Lab, standings map[string]workspace.Standing,
	line func(*course.Lab, string)) {
	title := 0
	for _, l := range labs {
		title = max(title, ansi.StringWidth(l.Title))
	}
	title = min(title, widest)
	level := course.Level("")
	for _, l := range labs {
		if l.Level != level {
			if level != "" {
				line(nil, "")
			}
			level = l.Level
			line(nil, t.head(level, title))
		}
		for i, text := range t.lab(l, standings[l.ID], title) {
			of := l
			if i > 0 {
				of = nil
			}
			line(of, text)
		}
	}
}

func (t labTable) head(level course.Level, title int) string {
	if t.columns < roomy {
		return t.Strong(string(level))
	}
	pad := strings.Repeat(" ", max(1, 7+title-ansi.StringWidth(string(level))))
	return t.Strong(string(level)) + pad + t.Faint("  min  question")
}

// lab is a lab in as many lines as it needs.
func (t labTable) lab(l *course.Lab, s workspace.Standing, title int) []string {
	head := fmt.Sprintf("%s %-4s ", mark(t.Paint, s), l.ID)
	minutes := fmt.Sprintf("  %3d", l.Minutes)
	const left = 7
	if t.columns >= roomy {
		question := strings.Split(term.Wrap(l.Question, t.columns-left-title-7), "\n")
		lines := []string{head + padded(l.Title, title) + minutes + "  " + t.Faint(question[0])}
		for _, more := range question[1:] {
			lines = append(lines, strings.Repeat(" ", left+title+7)+t.Faint(more))
		}
		return lines
	}
	var lines []string
	about := term.Wrap(l.Title+t.Faint(fmt.Sprintf(", %d min", l.Minutes)), max(10, t.columns-left))
	for i, part := range strings.Split(about, "\n") {
		if i > 0 {
			head = strings.Repeat(" ", left)
		}
		lines = append(lines, head+part)
	}
	for _, more := range strings.Split(term.Wrap(l.Question, max(10, t.columns-left)), "\n") {
		lines = append(lines, strings.Repeat(" ", left)+t.Faint(more))
	}
	return lines
}

func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}
