package course

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	goccy "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	"go.yaml.in/yaml/v3"
)

// Error is a fault in a lab.yaml.
type Error struct {
	File string // absolute
	Line int    // from 1
	Text string // the offending line
	Msg  string

	root string
}

func (e *Error) Error() string {
	file := e.File
	if rel, err := filepath.Rel(e.root, e.File); err == nil {
		file = rel
	}
	text := fmt.Sprintf("%s:%d: %s", filepath.ToSlash(file), e.Line, e.Msg)
	if line := strings.TrimSpace(e.Text); line != "" {
		text += "\n\t" + line
	}
	return text
}

// Read reads the lab in labs/<slug> below root. An unknown, missing or doubled key, a value of the wrong kind, and a
// value that makes no sense are each an [*Error].
func Read(root, slug string) (*Lab, error) {
	l := &Lab{Slug: slug, Dir: filepath.Join(root, "labs", slug), SolutionDir: filepath.Join(root, "solutions", slug)}
	f := &source{root: root, file: filepath.Join(l.Dir, "lab.yaml")}
	var err error
	if f.data, err = os.ReadFile(f.file); err != nil {
		return nil, fmt.Errorf("read a lab: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(f.data, &doc); err != nil {
		return nil, f.syntaxError(err)
	}
	if doc.Kind == 0 {
		return nil, f.errorAt(1, "the file is empty")
	}
	f.tree = doc.Content[0]
	if err := f.compare(f.tree, reflect.TypeFor[Lab]()); err != nil {
		return nil, err
	}
	if err := f.tree.Decode(l); err != nil {
		return nil, f.syntaxError(err)
	}
	if err := f.validate(l); err != nil {
		return nil, err
	}
	return l, nil
}

// source is a lab.yaml that can say where something stands.
type source struct {
	root, file string
	data       []byte
	tree       *yaml.Node
}

func (f *source) errorAt(line int, format string, args ...any) *Error {
	lines := strings.Split(string(f.data), "\n")
	line = min(max(line, 1), len(lines))
	return &Error{File: f.file, Line: line, Text: lines[line-1], Msg: fmt.Sprintf(format, args...), root: f.root}
}

// errorIn points at a value: by the keys and indices that lead to it, or as far as they do.
func (f *source) errorIn(path []any, format string, args ...any) *Error {
	line, n := 1, f.tree
	for _, step := range path {
		switch step := step.(type) {
		case string:
			key, value := pair(n, step)
			if key == nil {
				return f.errorAt(line, format, args...)
			}
			line, n = key.Line, value
		case int:
			n = n.Content[step]
			line = n.Line
		}
	}
	return f.errorAt(line, format, args...)
}

// pair is a key of a mapping and its value, or nil.
func pair(n *yaml.Node, key string) (k, value *yaml.Node) {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// syntaxError points at what is no YAML. The package that reads every lab is the quick one of two; the other one says
// better what is wrong, and where.
func (f *source) syntaxError(err error) error {
	_, better := parser.ParseBytes(f.data, 0)
	var y goccy.Error
	if errors.As(better, &y) && y.GetToken() != nil {
		return f.errorAt(y.GetToken().Position.Line, "%s", y.GetMessage())
	}
	return f.errorAt(1, "%v", err)
}

// compare holds a node against the type that it is to be decoded into. No key may be unknown, missing or doubled, and every
// value must be of the right kind.
func (f *source) compare(n *yaml.Node, t reflect.Type) error {
	switch t.Kind() {
	case reflect.Struct:
		return f.compareKeys(n, t)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return f.errorAt(n.Line, "a list is expected here")
		}
		for _, v := range n.Content {
			if err := f.compare(v, t.Elem()); err != nil {
				return err
			}
		}
		return nil
	case reflect.Int:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
			return f.errorAt(n.Line, "a whole number is expected here")
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			return f.errorAt(n.Line, "true or false is expected here")
		}
	default:
		if n.Kind != yaml.ScalarNode {
			return f.errorAt(n.Line, "text is expected here")
		}
	}
	return nil
}

func (f *source) compareKeys(n *yaml.Node, t reflect.Type) error {
	if n.Kind != yaml.MappingNode {
		return f.errorAt(n.Line, "keys and values are expected here")
	}
	left := map[string]reflect.Type{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "-" {
			left[key] = t.Field(i).Type
		}
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		typ, known := left[key.Value]
		switch {
		case seen[key.Value]:
			return f.errorAt(key.Line, "the key %q stands here twice", key.Value)
		case !known:
			return f.errorAt(key.Line, "the key %q is unknown", key.Value)
		}
		seen[key.Value] = true
		if err := f.compare(value, typ); err != nil {
			return err
		}
	}
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if key := tag.Get("yaml"); key != "-" && !seen[key] && tag.Get("key") != "optional" {
			return f.errorAt(n.Line, "the key %q is missing here", key)
		}
	}
	return nil
}

var (
	idForm   = regexp.MustCompile(`^[BIA]\d\d$`)
	testForm = regexp.MustCompile(`^Test[A-Z]\w*$`)
)

func (f *source) validate(l *Lab) error {
	at := func(key string) []any { return []any{key} }
	switch {
	case !slices.Contains(Levels, l.Level):
		return f.errorIn(at("level"), "the level is none of beginner, intermediate, advanced")
	case !idForm.MatchString(l.ID) || l.ID[:1] != l.Level.letter():
		return f.errorIn(at("id"), "the id of a lab at level %s is %s and two digits", l.Level, l.Level.letter())
	case !strings.HasPrefix(l.Slug, strings.ToLower(l.ID)+"-"):
		return f.errorIn(at("id"), "the folder %s does not begin with the id, %s-", l.Slug, strings.ToLower(l.ID))
	case l.Title == "":
		return f.errorIn(at("title"), "the title is empty")
	case l.Question == "":
		return f.errorIn(at("question"), "the question is empty")
	case l.Minutes < 1:
		return f.errorIn(at("minutes"), "the estimate is less than a minute")
	case len(l.Files) == 0:
		return f.errorIn(at("files"), "a lab has at least one file to edit")
	case len(l.Checks) == 0:
		return f.errorIn(at("checks"), "a lab has at least one check")
	case len(l.Hints) == 0:
		return f.errorIn(at("hints"), "a lab has at least one hint")
	case len(l.Mutants) == 0:
		return f.errorIn(at("mutants"), "a lab has at least one mutant")
	}
	for i, file := range l.Files {
		if path.Clean(file) != file || !filepath.IsLocal(file) || strings.HasSuffix(file, "_test.go") {
			return f.errorIn([]any{"files", i}, "a file to edit is a clean path below the lab's folder, and no _test.go file: %q is not", file)
		}
	}
	if err := f.validateGiven(l); err != nil {
		return err
	}
	for i, id := range l.After {
		if !idForm.MatchString(id) {
			return f.errorIn([]any{"after", i}, "%q is no lab's id", id)
		}
	}
	for i, b := range l.Forbid {
		if b.Import == "" || b.Why == "" {
			return f.errorIn([]any{"forbid", i}, "a forbidden import has a path and a reason")
		}
	}
	if err := f.validateChecks(l); err != nil {
		return err
	}
	return f.validateMutants(l)
}

func (f *source) validateGiven(l *Lab) error {
	for i, file := range l.Given {
		at := []any{"given", i}
		switch {
		case path.Clean(file) != file || !filepath.IsLocal(file) || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return f.errorIn(at, "a given file is a clean path of a .go file below the lab's folder, and no _test.go file: %q is not", file)
		case slices.Contains(l.Files, file):
			return f.errorIn(at, "%q cannot be both given and a file to edit", file)
		case !isFile(filepath.Join(l.Dir, filepath.FromSlash(file))):
			return f.errorIn(at, "the given file %q is not there", file)
		}
	}
	return nil
}

func (f *source) validateChecks(l *Lab) error {
	seen := map[string]bool{}
	for i, c := range l.Checks {
		at := func(key string) []any { return []any{"checks", i, key} }
		switch {
		case !testForm.MatchString(c.Test):
			return f.errorIn(at("test"), "a check's test is a top-level TestXxx")
		case seen[c.Test]:
			return f.errorIn(at("test"), "the check %s stands here twice", c.Test)
		case c.Title == "":
			return f.errorIn(at("title"), "the check %s has no title", c.Test)
		case c.Points < 1:
			return f.errorIn(at("points"), "the check %s has no points", c.Test)
		}
		seen[c.Test] = true
		for _, n := range c.Needs {
			if n != NeedRedis && n != NeedRealRedis && n != NeedPostgres {
				return f.errorIn(at("needs"), "the check %s needs %q: known are redis, redis! and postgres", c.Test, n)
			}
		}
	}
	return nil
}

func (f *source) validateMutants(l *Lab) error {
	seen := map[string]bool{}
	for i, m := range l.Mutants {
		at := func(key string) []any { return []any{"mutants", i, key} }
		switch {
		case path.Base(m.Patch) != m.Patch || !strings.HasSuffix(m.Patch, ".patch"):
			return f.errorIn(at("patch"), "a mutant's patch is a file name that ends in .patch")
		case seen[m.Patch]:
			return f.errorIn(at("patch"), "the mutant %s stands here twice", m.Patch)
		case m.Misconception == "":
			return f.errorIn(at("misconception"), "the mutant %s has no misconception", m.Patch)
		case m.Explain == "":
			return f.errorIn(at("explain"), "the mutant %s has no explanation", m.Patch)
		case len(m.Fails) == 0:
			return f.errorIn(at("fails"), "the mutant %s names no check that fails on it", m.Patch)
		}
		seen[m.Patch] = true
		for _, test := range m.Fails {
			if l.Check(test) == nil {
				return f.errorIn(at("fails"), "the mutant %s fails %s, which is no check of this lab", m.Patch, test)
			}
		}
	}
	return nil
}
