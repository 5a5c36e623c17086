package course

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/near"
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

// listed is how many variants a hint names at most.
const listed = 12

// Hint names those that there are, or those that may be meant and where the others are.
func (e *NoVariant) Hint() string {
	if len(e.known) <= listed {
		return "known: " + strings.Join(e.known, ", ")
	}
	where := fmt.Sprintf("besides stub and reference, %d are known: the mutants and alternatives of solutions/%s",
		len(e.known)-2, e.Lab.Slug)
	if meant := near.Of(e.Name, e.known); len(meant) > 0 {
		return fmt.Sprintf("did you mean %s? %s", strings.Join(meant[:min(3, len(meant))], " or "), where)
	}
	return where
}

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
