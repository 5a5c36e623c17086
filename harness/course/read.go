package course

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	goccy "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	"go.yaml.in/yaml/v3"
)

// Read reads the lab in labs/<slug> below root. An unknown, missing or doubled key, a value of the
// wrong kind, and a value that makes no sense are each an [*Error]; the error is the [Faults] with
// all of them.
func Read(root, slug string) (*Lab, error) {
	l := &Lab{Slug: slug, Dir: filepath.Join(root, "labs", slug),
		SolutionDir: filepath.Join(root, "solutions", slug)}
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
		return nil, Faults{f.errorAt(1, "", "the file is empty")}
	}
	f.tree = doc.Content[0]
	f.compare(f.tree, reflect.TypeFor[Lab](), "")
	if err := f.tree.Decode(l); err != nil && len(f.faults) == 0 {
		return nil, f.syntaxError(err)
	}
	if f.tree.Kind == yaml.MappingNode {
		f.validate(l)
	}
	if err := f.faults.err(); err != nil {
		return nil, err
	}
	return l, nil
}

// source is a lab.yaml that can say where something stands, and gathers what is wrong with it.
type source struct {
	root, file string
	data       []byte
	tree       *yaml.Node
	faults     Faults
	meant      []string // keys that stand there misspelt: nothing more is said of their values
}

func (f *source) errorAt(line int, key, format string, args ...any) *Error {
	lines := strings.Split(string(f.data), "\n")
	line = min(max(line, 1), len(lines))
	return &Error{File: f.file, Line: line, Text: lines[line-1], Key: key,
		Msg: fmt.Sprintf(format, args...), root: f.root}
}

// fault notes what is wrong at a line.
func (f *source) fault(line int, key, format string, args ...any) {
	f.faults = append(f.faults, f.errorAt(line, key, format, args...))
}

// faultIn notes what is wrong with a value, unless something is wrong with it already. It points at
// the value by the keys and indices that lead to it, or as far as they do.
func (f *source) faultIn(path []any, format string, args ...any) {
	line, n, key := 1, f.tree, keyOf(path)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			if k, value := pair(n, step); k != nil {
				line, n = k.Line, value
			}
		case int:
			if step < len(n.Content) {
				n = n.Content[step]
				line = n.Line
			}
		}
	}
	if !f.faults.at(key) && !slices.ContainsFunc(f.meant,
		func(m string) bool { return within(key, m) }) {
		f.fault(line, key, format, args...)
	}
}

// keyOf writes a path of keys and indices: checks[1].points.
func keyOf(path []any) (key string) {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			key = join(key, step)
		case int:
			key += fmt.Sprintf("[%d]", step)
		}
	}
	return key
}

// join is the path of a key in what the outer path leads to.
func join(outer, key string) string {
	if outer == "" {
		return key
	}
	return outer + "." + key
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

// syntaxError points at what is no YAML. The package that reads every lab is the quick one of two;
// the other one says better what is wrong, and where.
func (f *source) syntaxError(err error) Faults {
	_, better := parser.ParseBytes(f.data, 0)
	var y goccy.Error
	if errors.As(better, &y) && y.GetToken() != nil {
		line := f.errorAt(y.GetToken().Position.Line, "", "")
		line.Msg = fmt.Sprintf("this is no YAML: %s: %q", y.GetMessage(),
			strings.TrimSpace(line.Text))
		return Faults{line}
	}
	return Faults{f.errorAt(1, "", "this is no YAML: %v", err)}
}
