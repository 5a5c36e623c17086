package policy

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/backend-labs/backend-labs/harness/course"
)

// text is a file as it is written, before anybody asks what it means.
type text struct {
	lab *course.Lab
	findings
}

// encoding looks for what a reader of the source would not see: NUL, what moves a terminal's
// cursor, and the Unicode characters that reorder text (CVE-2021-42574).
func (t *text) encoding(src []byte) {
	if !utf8.Valid(src) {
		t.add(1, RuleEncoding, "bytes that are not UTF-8", "source is text")
		return
	}
	i := bytes.IndexFunc(src, misleading)
	if i < 0 {
		return
	}
	r, _ := utf8.DecodeRune(src[i:])
	what, why := fmt.Sprintf("the character %U", r),
		"it makes the source look other than it is compiled"
	if r == 0 {
		what, why = "a NUL byte", "source is text"
	}
	t.add(1+bytes.Count(src[:i], []byte("\n")), RuleEncoding, what, why)
}

func misleading(r rune) bool {
	switch r {
	case 0, '\b', '\x1b', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067',
		'\u2068', '\u2069':
		return true
	}
	return false
}

// directives looks at every comment, wherever it stands. No directive is allowed, not even one that
// only makes code slower: //go:nosplit takes the check of the stack's end away, too.
func (t *text) directives(src []byte) {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile(t.name, -1, len(src))
	s.Init(file, src, func(token.Position, string) {}, scanner.ScanComments)
	header := true // before the package clause, where the go command looks for old build tags
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return
		}
		header = header && tok != token.PACKAGE
		if tok != token.COMMENT {
			continue
		}
		word, why := strings.Fields(text)[0], ""
		switch {
		case strings.HasPrefix(text, "//go:linkname"):
			why = "it reaches into other packages behind their exported API"
		case strings.HasPrefix(text, "//go:embed"):
			why = "it puts files into the program"
		case strings.HasPrefix(text, "//go:build"):
			why = "a lab's file is part of every build"
		case header && constraint.IsPlusBuild(text):
			word, why = "// +build", "a lab's file is part of every build"
		case strings.HasPrefix(text, "//go:"):
			why = "it speaks to the compiler, the linker or the go command"
		case strings.HasPrefix(text, "//line "), strings.HasPrefix(text, "/*line "):
			why = "it gives the code another place than it has"
		case strings.HasPrefix(text, "//export "), strings.HasPrefix(text, "//extern "):
			why = "it speaks to cgo"
		}
		if why != "" {
			t.add(file.PositionFor(pos, false).Line, RuleDirective, word, why)
		}
	}
}

// imports looks at what the file imports and adds it to all. It reads no further than that, so a
// mistake behind the imports hides none of them.
func (t *text) imports(src []byte, all map[string]Violation) {
	fset := token.NewFileSet()
	file, _ := parser.ParseFile(fset, t.name, src, parser.ImportsOnly)
	if file == nil {
		return
	}
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		line := fset.PositionFor(spec.Pos(), false).Line
		t.importSpec(line, spec, path)
		all[path] = Violation{File: t.name, Line: line, Rule: RuleImport,
			What: "import " + spec.Path.Value, Why: "the course's go.mod does not have its module"}
	}
}

func (t *text) importSpec(line int, spec *ast.ImportSpec, path string) {
	what := "import " + spec.Path.Value
	why := t.forbidden(path)
	if path == "C" {
		t.add(line, RuleCgo, `import "C"`, "labs are written in Go alone")
		return
	}
	if why != "" {
		t.add(line, RuleForbidden, what, why)
		return
	}
	if !t.allowed(path) {
		t.add(line, RuleImport, what, t.notAllowed())
		return
	}
	switch spec.Name.String() {
	case ".":
		t.add(line, RuleImport, "import . "+spec.Path.Value,
			"a reader cannot see where its names come from: import it by its name")
	case "_":
		t.add(line, RuleImport, "import _ "+spec.Path.Value,
			"a package that is imported for its effects alone changes what the checks see")
	}
}

func (t *text) forbidden(path string) string {
	for _, f := range t.lab.Forbid {
		if path == f.Import || strings.HasPrefix(path, f.Import+"/") {
			return f.Why
		}
	}
	return ""
}

// notAllowed says which packages a lab allows.
func (t *text) notAllowed() string {
	var named []string
	if t.lab.HuntOf != nil {
		named = []string{"the lab's own, testing, those of the kit that checks use"}
	}
	for _, path := range t.lab.Imports {
		if t.allowed(path) {
			named = append(named, path)
		}
	}
	for _, path := range []string{"golang.org/x/sync", "golang.org/x/time/rate"} {
		if t.forbidden(path) == "" {
			named = append(named, path)
		}
	}
	return "it is not among the packages that this lab allows: " + strings.Join(named, ", ") +
		", and those of the standard library that reach neither the process nor the machine"
}

func (t *text) allowed(path string) bool {
	if t.lab.HuntOf != nil {
		return huntImport(t.lab, path)
	}
	return defaultImports[path] || slices.Contains(t.lab.Imports, path)
}
