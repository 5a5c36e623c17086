package course

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Error is one fault in a lab.yaml.
type Error struct {
	File string // absolute
	Line int    // from 1
	Text string // the offending line
	// where in the file: "minutes", "checks[1].points"; empty if it is the file as a whole
	Key string
	Msg string

	root string
}

// Error is the fault as one line: file, line, key, and what is wrong.
func (e *Error) Error() string {
	file := e.File
	if rel, err := filepath.Rel(e.root, e.File); err == nil {
		file = rel
	}
	text := fmt.Sprintf("%s:%d: ", filepath.ToSlash(file), e.Line)
	if e.Key != "" {
		text += e.Key + ": "
	}
	return text + e.Msg
}

// Faults are all that is wrong with one lab.yaml, in the order of its lines; never empty.
type Faults []*Error

// Error has a line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, e := range f {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each fault, for errors.As.
func (f Faults) Unwrap() []error {
	errs := make([]error, len(f))
	for i, e := range f {
		errs[i] = e
	}
	return errs
}

// Hint says where the keys are explained.
func (f Faults) Hint() string { return "labs/README.md says what each key of a lab.yaml means" }

// err is nil without a fault.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	return f
}

// at reports whether there is a fault at a key, or at one that it lies in: what is said of it
// besides would follow from that.
func (f Faults) at(key string) bool {
	return slices.ContainsFunc(f, func(e *Error) bool { return within(key, e.Key) })
}

// below reports whether there is a fault at a key or at anything in it.
func (f Faults) below(key string) bool {
	return slices.ContainsFunc(f, func(e *Error) bool { return within(e.Key, key) })
}

// within reports whether a key is the outer one or lies in it.
func within(key, outer string) bool {
	rest, ok := strings.CutPrefix(key, outer)
	return ok && outer != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
