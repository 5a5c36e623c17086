// Package page draws results as HTML: a report as one file that needs nothing else, made of widgets (a verdict, a table of
// labs, a check, a finding) that other pages use, too.
package page

import (
	"embed"
	"html/template"
	"io"
)

//go:embed templates
var files embed.FS

// Style is the stylesheet of all pages.
var Style = must(files.ReadFile("templates/style.css"))

// Widgets are the templates by name: badge, labs, lab, check, finding, pictures.
var Widgets = template.Must(template.New("").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(Style) },
}).ParseFS(files, "templates/*.html"))

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

// Report is a whole report. Everything in it is text, and becomes HTML here; only pictures are HTML already.
type Report struct {
	Title string
	When  string   // when it was made; "" is left out
	Judge []string // what has judged: the course, the sandbox, the stores
	Whose []Whose
	// Points and Verdicts are those of several submissions together.
	Points, Verdicts string
}

// Class reports whether there are several submissions.
func (r Report) Class() bool { return len(r.Whose) > 1 }

// Whose are the results of one submission; Name is "" where there is but one, of whoever looks.
type Whose struct {
	Anchor, Name, Points string
	Labs                 []Lab
}

// Kind says how something ended, for its colour. A page says it in words, too.
type Kind string

// The kinds.
const (
	Good Kind = "good"
	Bad  Kind = "bad"
	Warn Kind = "warn"
	None Kind = "none"
)

// Badge is a verdict in words.
type Badge struct {
	Words string
	Kind  Kind
}

// Lab is one lab's result.
type Lab struct {
	Anchor, Name, Title string
	Verdict             Badge
	Points, Counted     string // points, and checks passed, of how many
	Why                 string // in a few words, why it is no pass
	Message, Output     string // what kept the checks from being run
	Beside              []string
	Belief, Explain     string
	Checks              []Check
	Diff                []DiffLine // since the last pass
}

// DiffLine is a line of a unified diff.
type DiffLine struct {
	Kind Kind // Good is a line that came, Bad one that went
	Text string
}

// Check is the verdict on one check.
type Check struct {
	Title, Points, At string
	Verdict           Badge
	Message           string
	Output, Trace     string // what the code has printed, and what the runtime has at its end
	Findings          []Finding
	Shown             []Picture
}

// Open reports whether there is something to read about it at once.
func (c Check) Open() bool { return c.Verdict.Kind == Bad || c.Verdict.Kind == Warn }

// Body reports whether there is something to read about it at all.
func (c Check) Body() bool {
	return c.Message != "" || c.Output != "" || c.Trace != "" || len(c.Findings) > 0 || len(c.Shown) > 0
}

// Finding is one unmet expectation.
type Finding struct {
	Rows    []Row
	Picture template.HTML // an SVG, or ""
}

// Row is a line of a finding: did, want, got, why, when.
type Row struct{ Name, Text string }

// Picture is a picture beside a verdict.
type Picture struct {
	Title string
	SVG   template.HTML
}

// Write writes the report as one HTML file.
func (r Report) Write(w io.Writer) error { return Widgets.ExecuteTemplate(w, "report.html", r) }
