package course

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Mutant returns the lab's mutant of that name, or nil.
func (l *Lab) Mutant(name string) *Mutant {
	for i := range l.Mutants {
		if l.Mutants[i].Name() == name {
			return &l.Mutants[i]
		}
	}
	return nil
}

// unix is text with lines that end as on Unix, in which it is compared: a checkout may have written
// them otherwise.
func unix(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

// patched is the error of a patch that has not changed what it says, or that changes nothing.
func (l *Lab) patched(m *Mutant, files []*gitdiff.File, changed int) error {
	if len(files) == 0 {
		return fmt.Errorf("%s changes nothing: make it with diff -u a/%[2]s b/%[2]s", m.Patch,
			l.Files[0])
	}
	for _, f := range files {
		if name := strings.TrimPrefix(f.NewName, "b/"); !slices.Contains(l.Files, name) {
			return fmt.Errorf("%s changes %s, which is none of the files that lab.yaml names: %s",
				m.Patch, name, strings.Join(l.Files, ", "))
		}
	}
	if changed != len(files) {
		return fmt.Errorf("%s changes a file twice", m.Patch)
	}
	return nil
}

// WriteMutant writes the lab's files below dir: the reference with the mutant's patch applied, its
// lines ending as on Unix.
func (l *Lab) WriteMutant(m *Mutant, dir string) error {
	patch, err := os.ReadFile(filepath.Join(l.SolutionDir, "mutants", m.Patch))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no solutions/%s/mutants/%s, which lab.yaml names", l.Slug,
			m.Patch)
	}
	if err != nil {
		return err
	}
	files, _, err := gitdiff.Parse(bytes.NewReader(unix(patch)))
	if err != nil {
		return fmt.Errorf("%s is no patch: %w", m.Patch, err)
	}
	changed := 0
	for _, name := range l.Files {
		src, err := os.ReadFile(filepath.Join(l.SolutionDir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		src = unix(src)
		for _, f := range files {
			if strings.TrimPrefix(f.NewName, "b/") != name {
				continue
			}
			var out bytes.Buffer
			if err := gitdiff.Apply(&out, bytes.NewReader(src), f); err != nil {
				return fmt.Errorf(
					"%s does not apply to the reference, which may have changed since: %w", m.Patch,
					err)
			}
			src = out.Bytes()
			changed++
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, src, 0o644); err != nil {
			return err
		}
	}
	return l.patched(m, files, changed)
}
