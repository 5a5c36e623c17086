package policy

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// source is what the rules about types look at. It has all that they need: they are applied in a
// process of their own.
type source struct {
	Path    string            // of the lab's package
	Go      string            // the version of the language
	Files   map[string]string // the submission, by names relative to the lab's folder
	Given   map[string]string // the course's own files in the same packages
	Stub    map[string]string // the course's files in the place of the submission's
	Exports map[string]string // by import path
	Hunt    bool              // these are tests that hunt wrong answers
	State   bool              // variables of the package may keep something
}

// verdict is what the rules about types find.
type verdict struct {
	Violations []Violation `json:",omitempty"`
	Doubt      *Violation  `json:",omitempty"` // the source has mistakes
}

// typed applies the rules about types.
func (c *Checker) typed(ctx context.Context, l *course.Lab, s *source,
	imports map[string]Violation) ([]Violation, error) {
	paths, err := s.addGiven(l)
	if err != nil {
		return nil, err
	}
	paths = append(paths, s.addStub(l)...)
	for dir := range s.dirs() {
		delete(imports, path.Join(s.Path, dir)) // the submission's own
	}
	paths = slices.AppendSeq(paths, maps.Keys(imports))
	slices.Sort(paths)
	if s.Go, err = c.Course.Language(); err != nil {
		return nil, err
	}
	if s.Exports, err = c.Exports(ctx, slices.Compact(paths)); err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(imports)) {
		if s.Exports[path] == "" {
			return []Violation{imports[path]}, nil
		}
	}
	apply := c.apply
	if apply == nil {
		apply = bounded
	}
	v, err := apply(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(v.Violations) == 0 && v.Doubt != nil {
		return nil, &Unread{Doubt: *v.Doubt}
	}
	return v.Violations, nil
}

// dirs are the folders with files of the submission, each of which is a package.
func (s *source) dirs() map[string]bool {
	dirs := map[string]bool{}
	for name := range s.Files {
		dirs[path.Dir(name)] = true
	}
	return dirs
}

// addGiven reads the course's own files in the submission's packages, and returns what they import.
func (s *source) addGiven(l *course.Lab) (paths []string, err error) {
	dirs := s.dirs()
	for _, name := range l.Given {
		if !dirs[path.Dir(name)] || !strings.HasSuffix(name, ".go") {
			continue
		}
		src, err := os.ReadFile(filepath.Join(l.Dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, fault.Of(fmt.Sprintf("read %s of lab %s", name, l.ID), err)
		}
		s.Given[name] = string(src)
		imports, err := importsOf(name, src)
		if err != nil {
			return nil, fmt.Errorf("the course's %s of lab %s does not parse: %w", name, l.ID, err)
		}
		paths = append(paths, imports...)
	}
	return paths, nil
}

// importsOf are the packages that a file imports, unsafe apart.
func importsOf(name string, src []byte) (paths []string, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil && path != "unsafe" {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// addStub reads the stub, and returns what it imports. One that cannot be read is none: where a lab has
// no stub, nothing is held against it.
func (s *source) addStub(l *course.Lab) (paths []string) {
	s.Stub = map[string]string{}
	if s.Hunt || l.Dir == "" {
		return nil
	}
	for name := range s.Files {
		src, err := os.ReadFile(filepath.Join(l.Dir, filepath.FromSlash(name)))
		if err != nil {
			continue
		}
		imports, err := importsOf(name, src)
		if err != nil {
			continue
		}
		s.Stub[name] = string(src)
		for _, path := range imports {
			if path != "C" && !strings.HasPrefix(path, s.Path+"/") {
				paths = append(paths, path)
			}
		}
	}
	return paths
}
