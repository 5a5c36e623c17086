package hunt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/grade"
)

// field is what tests are held against: the lab's variants, each in a folder.
type field struct {
	tests   *Tests
	lab     *course.Lab // judged by the tests
	file    string      // the tests, as they were when they were read
	correct []string    // the reference, then the alternatives
	wrong   []string    // in the order of the lab's mutants
	family  []compile.Member
}

// newField writes what is needed below tmp.
func newField(t *Tests, tmp string) (*field, error) {
	f := &field{tests: t, lab: t.Lab.Hunt(t.Names),
		file: filepath.Join(tmp, filepath.FromSlash(course.HuntFile))}
	if !t.Lab.HasSolution() {
		return nil, &Unfit{Lab: t.Lab, Absent: true,
			Text:   "the course has no solutions of " + t.Lab.Slug + " here",
			Remedy: "tests are held against them: take the whole course"}
	}
	if err := write(f.file, t.Data); err != nil {
		return nil, err
	}
	alternatives, err := t.Lab.Alternatives()
	if err != nil {
		return nil, fault.Of("read the alternatives", err)
	}
	f.correct = append([]string{t.Lab.SolutionDir}, alternatives...)
	for i := range t.Lab.Mutants {
		m := &t.Lab.Mutants[i]
		dir := filepath.Join(tmp, "labs", t.Lab.Slug, m.Name())
		if err := t.Lab.WriteMutant(m, dir); err != nil {
			return nil, fmt.Errorf("mutant %s of %s: %w", m.Name(), t.Lab.Slug, err)
		}
		f.wrong = append(f.wrong, dir)
	}
	for _, dir := range append(f.correct[:len(f.correct):len(f.correct)], f.wrong...) {
		f.family = append(f.family, compile.Member{Dir: dir})
	}
	return f, nil
}

func write(path string, data []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	return fault.Of("write the tests", err)
}

// VariantsSHA256 is the hash of what tests of a lab are held against: its solutions and its lab.yaml.
func VariantsSHA256(l *course.Lab) (string, error) {
	h := sha256.New()
	for _, dir := range []string{l.Dir, l.SolutionDir} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || dir == l.Dir && d.Name() != "lab.yaml" {
				return err
			}
			data, err := os.ReadFile(path)
			fmt.Fprintf(h, "%s %d %x\n", d.Name(), len(data), sha256.Sum256(data))
			return err
		})
		if err != nil {
			return "", fault.Of("read the solutions of "+l.Slug, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// jobs are those for some folders, each to be judged by these tests.
func (f *field) jobs(dirs, tests []string) []grade.Job {
	jobs := make([]grade.Job, len(dirs))
	for i, dir := range dirs {
		jobs[i] = grade.Job{Lab: f.lab, Dir: dir, Only: tests, Family: f.family, Hunt: f.file}
	}
	return jobs
}
