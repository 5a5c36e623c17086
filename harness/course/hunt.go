package course

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// HuntFile has a learner's own tests of a lab, which are held against the lab's variants; below the
// lab's folder, with forward slashes.
const HuntFile = "hunt/hunt_test.go"

// HuntPath is where the tests of a learner lie that hunt wrong answers to this lab.
func (l *Lab) HuntPath() string { return filepath.Join(l.Dir, filepath.FromSlash(HuntFile)) }

// AsHunt is the lab as somebody hands in tests for it: the file is theirs, and each wrong answer
// that a test catches is a point.
func (l *Lab) AsHunt() *Lab {
	h := *l
	h.HuntOf, h.Title = l, l.Title+", hunted"
	h.Files, h.Given = []string{HuntFile}, append(append([]string{}, l.Files...), l.Given...)
	h.Checks, h.Mutants, h.Hints, h.Forbid = nil, nil, nil, nil
	for i, m := range l.Mutants {
		h.Checks = append(h.Checks, Check{Test: fmt.Sprintf("WrongAnswer%02d", i+1),
			Title: strings.Join(l.Breaks(m), "; "), Points: 1})
	}
	return &h
}

// Breaks are the sentences of the contract that a mutant breaks, or where they are not known what
// the first check that it fails says of a right solution.
func (l *Lab) Breaks(m Mutant) []string {
	if len(m.Breaks) > 0 {
		return m.Breaks
	}
	for _, test := range m.Fails {
		if c := l.Check(test); c != nil {
			return []string{c.Title}
		}
	}
	return nil
}

// Hunt is the lab as tests of somebody judge it, in place of its checks. Each gets what the checks
// need.
func (l *Lab) Hunt(tests []string) *Lab {
	hunted := *l
	hunted.Checks, hunted.Mutants, hunted.Hints = nil, nil, nil
	for _, test := range tests {
		hunted.Checks = append(hunted.Checks,
			Check{Test: test, Title: test, Points: 1, Needs: l.Needs()})
	}
	return &hunted
}

// CheckPackage is the name of the package of the lab's checks, such as tokenbucket_test.
func (l *Lab) CheckPackage() (string, error) {
	files, err := filepath.Glob(filepath.Join(l.Dir, "*_test.go"))
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("read the checks: %w", err)
		}
		if !bytes.Contains(data, []byte("func "+l.Checks[0].Test+"(")) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, data, parser.PackageClauseOnly)
		if err != nil {
			return "", fmt.Errorf("read the checks: %w", err)
		}
		return file.Name.Name, nil
	}
	if err == nil {
		err = fmt.Errorf("no file of labs/%s has %s, which lab.yaml names", l.Slug, l.Checks[0].Test)
	}
	return "", err
}
