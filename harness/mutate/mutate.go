// Package mutate changes a correct solution in small ways, each of which a lab's checks ought to
// notice: it takes source and gives source. Nothing is built or run here.
package mutate

import (
	"fmt"
	"go/token"
	"maps"
	"slices"

	"github.com/aymanbagabas/go-udiff"
)

// Reference is the source that is changed. File names are relative to the folder of the lab, with
// forward slashes.
type Reference struct {
	Path    string            // the import path of the folder
	Go      string            // the version of the language
	Files   map[string][]byte // what is changed
	Given   map[string][]byte // what else is in these packages
	Exports map[string]string // the files with the types of other packages, by import path
}

// Variant is a reference with one change.
type Variant struct {
	Operator string `json:"operator"` // what kind of change it is
	File     string `json:"file"`
	Line     int    `json:"line"` // the first changed one, in the reference
	// In is the function or method, such as "New" or "Limiter.Allow", or "" outside of any.
	In string `json:"in"`
	// Was and Becomes are the changed lines without comments, white space and all but the first and
	// the last of several. Becomes is empty where nothing is left.
	Was     string `json:"was"`
	Becomes string `json:"becomes"`

	Source []byte `json:"-"` // the changed file
	before []byte
}

// Diff is the change as a unified diff.
func (v Variant) Diff() string {
	return udiff.Unified("a/"+v.File, "b/"+v.File, string(v.before), string(v.Source))
}

// Variants changes the reference in every way that compiles, as far as the types of its packages
// tell, always in the same order. The error says why the reference cannot be read.
func Variants(r Reference) ([]Variant, error) {
	c, err := newChecker(r)
	if err != nil {
		return nil, err
	}
	var all []Variant
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		f := c.files[name]
		seen := map[string]bool{string(f.data): true}
		for _, found := range f.changes() {
			v, err := c.variant(f, found)
			if err != nil {
				return nil, fmt.Errorf("%s at %s: %w", found.operator, f.place(found.at), err)
			}
			if v != nil && !seen[string(v.Source)] {
				seen[string(v.Source)] = true
				all = append(all, *v)
			}
		}
	}
	return all, nil
}

// variant makes a change, or nil if the result does not compile.
func (c *checker) variant(f *file, ch change) (*Variant, error) {
	source, err := udiff.ApplyBytes(f.data, ch.edits)
	if err != nil {
		return nil, err
	}
	if source = c.compilable(f, source); source == nil {
		return nil, nil
	}
	v := &Variant{Operator: ch.operator, File: f.name, Line: f.set.Position(ch.at).Line,
		In: f.function(ch.at), Source: source, before: f.data}
	v.Was, v.Becomes, err = f.words(ch)
	return v, err
}

func (f *file) place(at token.Pos) string { return f.set.Position(at).String() }
