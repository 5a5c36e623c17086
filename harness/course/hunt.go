package course

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
)

// HuntFile has a learner's own tests of a lab, which are held against the lab's variants; below the
// lab's folder, with forward slashes.
const HuntFile = "hunt/hunt_test.go"

// HuntPath is where the tests of a learner lie that hunt wrong answers to this lab.
func (l *Lab) HuntPath() string { return filepath.Join(l.Dir, filepath.FromSlash(HuntFile)) }

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
