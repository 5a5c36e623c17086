package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// terminal is the name of the format for people.
const terminal = "terminal"

// output is a format and where it goes: a file, or standard output if file is "".
type output struct{ format, file string }

// parseOutputs makes the list of outputs from the values of --format and --output (NAME=FILE). What has no file goes to
// standard output; if nothing does, the terminal's format does.
func parseOutputs(formats, files []string) ([]output, error) {
	var all []output
	for _, f := range files {
		name, file, ok := strings.Cut(f, "=")
		if !ok || file == "" {
			return nil, &usageError{fmt.Errorf("--output %q is not FORMAT=FILE", f), "for example --output junit=report.xml"}
		}
		if !slices.Contains(formats, name) {
			formats = append(formats, name)
		}
		if st, err := os.Stat(filepath.Dir(file)); file != "-" && (err != nil || !st.IsDir()) {
			return nil, &usageError{fmt.Errorf("--output %s: there is no folder %s", f, filepath.Dir(file)), "make it first"}
		}
		if file != "-" {
			all = append(all, output{name, file})
		}
	}
	here := 0
	for _, name := range formats {
		if _, known := report.Formats[name]; !known && name != terminal {
			names := append(slices.Sorted(maps.Keys(report.Formats)), terminal)
			return nil, &usageError{fmt.Errorf("there is no format %q", name), "there are " + strings.Join(names, ", ")}
		}
		if slices.ContainsFunc(all, func(o output) bool { return o.format == name }) {
			continue
		}
		all = append(all, output{format: name})
		if name != terminal && name != "github" {
			here++
		}
	}
	texts := func(o output) bool { return o.file == "" && (o.format == terminal || o.format == "github") }
	if here > 1 || here == 1 && slices.ContainsFunc(all, texts) {
		return nil, &usageError{errors.New("two formats would be mixed on standard output"), "give all but one a file: --output FORMAT=FILE"}
	}
	if !slices.ContainsFunc(all, func(o output) bool { return o.file == "" }) {
		all = append(all, output{format: terminal})
	}
	return all, nil
}

// write writes the results to every output. show is the terminal's format.
func (a *app) write(outputs []output, results []run.Result, show func(io.Writer)) error {
	var errs []error
	for _, o := range outputs {
		format := report.Formats[o.format]
		if o.format == terminal {
			format = func(w io.Writer, _ []run.Result) error { show(w); return nil }
		}
		if o.file == "" {
			errs = append(errs, a.fenced(o.format, func(w io.Writer) error { return format(w, results) }))
		} else {
			var b bytes.Buffer
			errs = append(errs, format(&b, results), workspace.WriteAtomically(o.file, b.Bytes()))
		}
		if o.format == "github" {
			errs = append(errs, summarise(os.Getenv("GITHUB_STEP_SUMMARY"), results))
		}
	}
	return errors.Join(errs...)
}

// fenced writes to standard output. On a runner of GitHub Actions what is for people is put between two commands that
// switch workflow commands off and on again; like all that goes to standard output but commands of ours it is defused,
// too, see [term.Defuse].
// Source: GitHub Actions, "Workflow commands", stopping and starting workflow commands.
func (a *app) fenced(format string, write func(io.Writer) error) error {
	commands := term.Raw(a.Out)
	if format == "github" {
		return write(commands)
	}
	if os.Getenv("GITHUB_ACTIONS") != "true" || format != terminal && format != "markdown" {
		return write(a.Out)
	}
	token := rand.Text()
	fmt.Fprintf(commands, "::stop-commands::%s\n", token)
	err := write(a.Out)
	fmt.Fprintf(commands, "\n::%s::\n", token)
	return err
}

// summarise adds the results to the summary of a step on GitHub, if there is a file for it.
func summarise(file string, results []run.Result) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return errors.Join(report.Summary(f, results), f.Close())
}
