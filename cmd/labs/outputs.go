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

	"github.com/backend-labs/backend-labs/harness/outfile"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

const (
	terminal   = "terminal"   // the name of the format for people
	gradescope = "gradescope" // the one that has one submission in a file
)

// output is a format and where it goes: a file, a folder that gets a file for each submission, or
// standard output if file is "".
type output struct {
	format, file string
	folder       bool
	made         bool // the folder was not there before
}

// parseOutputs makes the list of outputs from the values of --format and --output (FORMAT=PATH),
// and tells whether what they name can be written. What has no file goes to standard output; if
// nothing does, the terminal's format does. many says that there are several submissions.
func parseOutputs(formats, files []string, many bool) ([]output, error) {
	var all []output
	for _, f := range files {
		name, file, ok := strings.Cut(f, "=")
		switch {
		case !ok || file == "":
			return nil, &usageError{fmt.Errorf("--output %q is not FORMAT=PATH", f),
				"for example --output junit=report.xml"}
		case toStdout(file):
			formats = append(formats, name)
		default:
			all = append(all, output{format: name, file: file, folder: many && name == gradescope})
		}
	}
	for _, name := range formats {
		if !slices.ContainsFunc(all, func(o output) bool {
			return o.format == name &&
				o.file == ""
		}) {
			all = append(all, output{format: name})
		}
	}
	for i := range all {
		if err := all[i].check(many); err != nil {
			return nil, err
		}
	}
	return withTerminal(all)
}

// toStdout reports whether a file is standard output by one of its names.
func toStdout(file string) bool {
	return slices.Contains([]string{"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}, file)
}

// check tells whether there is such a format, and whether it can be written to its place.
func (o *output) check(many bool) error {
	if _, known := report.Formats[o.format]; !known && o.format != terminal {
		names := append(slices.Sorted(maps.Keys(report.Formats)), terminal)
		return &usageError{fmt.Errorf("there is no format %q", o.format),
			"there are " + strings.Join(names, ", ")}
	}
	var err error
	switch {
	case o.file == "" && many && o.format == gradescope:
		return &usageError{errors.New("gradescope's format has one submission in a file"),
			"give a folder: --output gradescope=FOLDER/"}
	case o.file == "":
		return nil
	case o.folder:
		err = o.checkFolder()
	default:
		err = outfile.Check(o.file)
	}
	if no, ok := errors.AsType[*outfile.Unwritable](err); ok {
		return &usageError{fmt.Errorf("--output %s=%s: %w", o.format, o.file, no), no.Hint()}
	}
	return err
}

// checkFolder makes the folder, if it is not there: its name alone says that it is to be one.
func (o *output) checkFolder() error {
	if st, err := os.Stat(o.file); err == nil && !st.IsDir() {
		return &outfile.Unwritable{Path: o.file, Reason: "it is no folder",
			Remedy: "each submission gets a file: give a folder"}
	}
	err := os.Mkdir(o.file, 0o755)
	o.made = err == nil
	if err != nil && !os.IsExist(err) {
		return &outfile.Unwritable{Path: o.file, Reason: err.Error(),
			Remedy: "name a folder that can be made"}
	}
	return outfile.CheckFolder(o.file)
}

// withTerminal adds the terminal's format where nothing goes to standard output, and refuses what
// would be mixed there.
func withTerminal(all []output) ([]output, error) {
	programs, texts := 0, 0
	for _, o := range all {
		switch {
		case o.file != "":
		case o.format == terminal || o.format == "github":
			texts++
		default:
			programs++
		}
	}
	if programs > 1 || programs == 1 && texts > 0 {
		return nil, &usageError{
			errors.New("two formats would be mixed on standard output"),
			"give all but one a file: --output FORMAT=FILE",
		}
	}
	if programs+texts == 0 {
		all = append(all, output{format: terminal})
	}
	return all, nil
}

// write writes the results to every output. show is the terminal's format. What cannot be written
// is no reason not to write the rest; the results are then kept in dir, and the error says where.
func (a *app) write(outputs []output, results []run.Result, dir string,
	show func(io.Writer)) error {
	var errs []error
	for _, o := range outputs {
		if err := a.writeOne(o, results, show); err != nil {
			errs = append(errs, fmt.Errorf("write %s: %w", o.format, err))
		}
		if o.format == "github" {
			errs = append(errs, summarise(os.Getenv("GITHUB_STEP_SUMMARY"), results))
		}
	}
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	var b bytes.Buffer
	if e := report.JSON(&b, results); e != nil {
		return errors.Join(err, e)
	}
	return outfile.Keep(err, "results-*.json", b.Bytes(), filepath.Join(dir, "grade"))
}

func (a *app) writeOne(o output, results []run.Result, show func(io.Writer)) error {
	format := report.Formats[o.format]
	if o.format == terminal {
		format = func(w io.Writer, _ []run.Result) error { show(w); return nil }
	}
	if o.file == "" {
		err := a.fenced(o.format, func(w io.Writer) error { return format(w, results) })
		if err == nil {
			err = a.Lost()
		}
		return err
	}
	if !o.folder {
		return writeFormat(o.file, format, results)
	}
	var errs []error
	for _, of := range report.BySubmission(results) {
		errs = append(errs, writeFormat(filepath.Join(o.file, of.Name+".json"), format, of.Results))
	}
	return errors.Join(errs...)
}

func writeFormat(file string, format report.Format, results []run.Result) error {
	var b bytes.Buffer
	if err := format(&b, results); err != nil {
		return err
	}
	return outfile.Write(file, b.Bytes())
}

// fenced writes to standard output. On a runner of GitHub Actions what is for people is put between
// two commands that switch workflow commands off and on again; like all that goes to standard
// output but commands of ours it is defused, too, see [term.Defuse]. Source: GitHub Actions,
// "Workflow commands", stopping and starting workflow commands.
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
