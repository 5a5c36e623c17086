package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/backend-labs/backend-labs/harness/outfile"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

func TestParseOutputs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "out")
	for _, tt := range []struct {
		formats, files string
		many           bool
		want           string
	}{
		{"", "", false, "terminal"},
		{"json", "", false, "json"},
		{"github", "csv=" + file, false, "csv>file github"},
		{"", "csv=" + file, false, "csv>file terminal"},
		{"", "csv=-", false, "csv"},
		{"", "csv=/dev/stdout", false, "csv"},
		{"terminal github", "", false, "terminal github"},
		{"", "csv=" + file + " csv=" + file + "2", false, "csv>file csv>file terminal"},
		{"", "gradescope=" + file, true, "gradescope>folder terminal"},
		{"", "csv=-  json=-", false, "two formats would be mixed on standard output"},
		{"json", "csv=/dev/stdout", false, "two formats would be mixed on standard output"},
		{"gradescope", "", true, "gradescope's format has one submission in a file"},
		{"yaml", "", false, `there is no format "yaml"`},
		{"", "csv", false, `--output "csv" is not FORMAT=PATH`},
		{"", "csv=" + dir, false, "--output csv=" + dir + ": " + dir + " cannot be written: it is a folder"},
	} {
		all, err := parseOutputs(strings.Fields(tt.formats), strings.Fields(tt.files), tt.many)
		var got []string
		for _, o := range all {
			name := o.format
			if o.folder {
				name += ">folder"
			} else if o.file != "" {
				name += ">file"
			}
			got = append(got, name)
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
			if u, ok := errors.AsType[*usageError](err); !ok || u.Hint() == "" {
				t.Errorf("%q and %q: %v has no hint", tt.formats, tt.files, err)
			}
		}
		if text != tt.want {
			t.Errorf("%q and %q: got %q, want %q", tt.formats, tt.files, text, tt.want)
		}
	}
}

// TestWrite_losesNothing has a place that can no longer be written when the grading is done.
func TestWrite_losesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, out, _ := term.Buffers()
	outputs := []output{{format: "csv", file: filepath.Join(dir, "gone", "grades.csv")},
		{format: terminal}}
	err := newApp(s).write(outputs, []run.Result{{Lab: "B01", Verdict: run.Passed}}, dir,
		func(w io.Writer) { fmt.Fprint(w, "shown") })
	kept, ok := errors.AsType[*outfile.Kept](err)
	if !ok || out.String() != "shown" || exitCode(err) != exitInfra {
		t.Fatalf("got %v and %q", err, out)
	}
	if data, err := os.ReadFile(kept.Path); err != nil ||
		!strings.Contains(string(data), `"lab": "B01"`) {
		t.Errorf("got %s, %v", data, err)
	}
}

// TestWrite_fullDisk is about what people read: it can be lost, too.
func TestWrite_fullDisk(t *testing.T) {
	t.Parallel()
	s, _, _ := term.Buffers()
	s.Out = term.NewSink(noRoom{})
	a := newApp(s)
	err := a.write([]output{{format: terminal}}, []run.Result{{Lab: "B01", Verdict: run.Passed}}, t.TempDir(),
		func(w io.Writer) { fmt.Fprint(w, "shown") })
	if kept, ok := errors.AsType[*outfile.Kept](a.written(err)); !ok || exitCode(err) != exitInfra {
		t.Errorf("got %v, want that the results are kept", err)
	} else if _, err := os.Stat(kept.Path); err != nil {
		t.Error(err)
	}
	for _, err := range []error{nil, &notPassed{exitNot}, fmt.Errorf("list: %w", s.Lost())} {
		if got := a.written(err); exitCode(got) != exitInfra || !strings.HasPrefix(got.Error(), "write the results: ") {
			t.Errorf("%v: got %v", err, got)
		}
	}
	usage := &usageError{errors.New("x"), "y"}
	if got := a.written(usage); got != error(usage) {
		t.Errorf("got %v, want the error that there was before", got)
	}
}

type noRoom struct{}

func (noRoom) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestListed is what is found out before the sandbox is tried.
func TestListed(t *testing.T) {
	t.Parallel()
	none, some := filepath.Join(t.TempDir(), "none.zip"), t.TempDir()
	if err := os.WriteFile(filepath.Join(some, "ann.zip"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		o     gradeOptions
		args  []string
		wants int
	}{
		"nothing there":         {gradeOptions{}, []string{none}, exitUsage},
		"standard input":        {gradeOptions{}, []string{"-"}, exitPassed},
		"a folder":              {gradeOptions{}, []string{t.TempDir()}, exitPassed},
		"none of many":          {gradeOptions{batch: true}, nil, exitUsage},
		"many, nothing there":   {gradeOptions{batch: true}, []string{none}, exitUsage},
		"many in an empty one":  {gradeOptions{batch: true}, []string{t.TempDir()}, exitUsage},
		"something in a folder": {gradeOptions{batch: true}, []string{some}, exitPassed},
	} {
		_, err := tt.o.listed(tt.args)
		if got := exitCode(err); got != tt.wants {
			t.Errorf("%s: got %v, exit code %d, want %d", name, err, got, tt.wants)
		}
	}
}
