package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/watch"
)

// watched is what a verdict is about: a lab as lab.yaml now has it, its checks, and the files that
// are judged.
type watched struct {
	lab    *course.Lab
	checks string // of the checks, of lab.yaml, and of the remark on files that are not handed in
	of     string
}

// watched reads the lab again: its author may be editing lab.yaml.
func (o *watchOptions) watched(l *course.Lab) (*watched, error) {
	fresh, err := course.Read(o.w.Course.Root, l.Slug)
	if err != nil {
		return nil, err
	}
	checks, err := o.b.ChecksSHA256(fresh)
	if err != nil {
		return nil, err
	}
	checks += " " + fileSHA256(filepath.Join(l.Dir, "lab.yaml"))
	if o.of == "" {
		checks += " " + fresh.NotHandedIn(l.Dir) // a remark that is shown
	}
	return &watched{fresh, checks, o.of}, nil
}

// missing is the state of a lab that lacks a file, as it does for a moment while an editor replaces
// it.
const missing = "missing"

// judged is the state that a result is about, or "" if that is not known.
func (f *watched) judged(r run.Result) string {
	switch {
	case f.of != "":
		return "" // the hash is that of the patched files, which nobody watches
	case r.SourceSHA256 != "":
		return r.SourceSHA256 + " " + f.checks
	case r.Verdict == run.BuildFailed:
		return missing
	}
	return ""
}

// sources is the folder in which the judged files are edited, and for a mutant the patch.
func (f *watched) sources() (dir, patch string) {
	switch m := f.lab.Mutant(f.of); {
	case f.of == "":
		return f.lab.Dir, ""
	case f.of == course.VariantStub:
		return f.lab.StubDir(), ""
	case m != nil:
		return f.lab.SolutionDir, filepath.Join(f.lab.SolutionDir, "mutants", m.Patch)
	}
	return f.lab.SolutionDir, ""
}

func (o *watchOptions) state(l *course.Lab) (state string, settled bool) {
	f, err := o.watched(l)
	if err != nil {
		yaml := filepath.Join(l.Dir, "lab.yaml")
		return "unreadable " + fileSHA256(yaml), !empty(yaml)
	}
	dir, patch := f.sources()
	source, err := compile.SourceSHA256(f.lab, dir)
	if err != nil {
		return missing, false
	}
	state = source + " " + f.checks
	if patch != "" {
		state += " " + fileSHA256(patch)
	}
	return state, !slices.ContainsFunc(f.lab.Files, func(name string) bool {
		return empty(filepath.Join(dir, filepath.FromSlash(name)))
	})
}

func (o *watchOptions) watch(l *course.Lab) (watch.Source, string) {
	f := &watched{lab: l, of: o.of}
	source, patch := f.sources()
	dirs := []string{l.Dir}
	add := func(dir string) {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, name := range l.Files {
		add(filepath.Dir(filepath.Join(source, filepath.FromSlash(name))))
	}
	if patch != "" {
		add(filepath.Dir(patch))
	}
	return watch.New(watch.Files{
		Dirs: dirs,
		Match: func(name string) bool {
			return strings.HasSuffix(name, ".go") || name == "lab.yaml" || patch != "" &&
				name == filepath.Base(patch)
		},
		State: func() (string, bool) { return o.state(l) },
	})
}

// fileSHA256 is the hash of a file, or "" of one that cannot be read.
func fileSHA256(name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// empty reports whether a file has nothing in it, or is not there: a save is half done.
func empty(name string) bool {
	st, err := os.Stat(name)
	return err != nil || st.Size() == 0
}
