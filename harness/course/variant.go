package course

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// The variants of a lab that have a name of their own; besides them each mutant and each alternative
// is one.
const (
	VariantStub      = "stub"
	VariantReference = "reference"
)

// NoVariant says that a lab has no variant of a name.
type NoVariant struct {
	Lab   *Lab
	Name  string
	known []string
}

func (e *NoVariant) Error() string {
	return fmt.Sprintf("%s has no mutant or alternative %q", e.Lab.Slug, e.Name)
}

// Hint names those that there are.
func (e *NoVariant) Hint() string { return "known: " + strings.Join(e.known, ", ") }

// HasVariant is nil if the lab has a variant of that name, else a [*NoVariant], or what
// [Lab.Alternatives] returns.
func (l *Lab) HasVariant(name string) error {
	known := []string{VariantStub, VariantReference}
	for _, m := range l.Mutants {
		known = append(known, m.Name())
	}
	alternatives, err := l.Alternatives()
	if err != nil {
		return err
	}
	for _, dir := range alternatives {
		known = append(known, filepath.Base(dir))
	}
	if !slices.Contains(known, name) {
		return &NoVariant{l, name, known}
	}
	return nil
}

// Variant returns the folder with the lab's files as its author has written them: the stub, the
// reference, an alternative or a mutant, which is written below tmp; of two with one name it is the
// mutant. The error is a [*NoVariant], a [*NoStub], that of [Lab.Alternatives] or of
// [Lab.WriteMutant].
func (l *Lab) Variant(name, tmp string) (dir string, err error) {
	switch name {
	case VariantReference:
		return l.SolutionDir, nil
	case VariantStub:
		return l.Stub()
	}
	if err := l.HasVariant(name); err != nil {
		return "", err
	}
	m := l.Mutant(name)
	if m == nil {
		return filepath.Join(l.SolutionDir, "alternatives", name), nil
	}
	dir = filepath.Join(tmp, "labs", l.Slug)
	return dir, l.WriteMutant(m, dir)
}
