// Package policy says what a submission may contain. Its rules are static: they look at the parsed
// source before anything is compiled. They keep out what could reach behind the checks (unsafe
// memory, other processes, the test framework, the compiler's and linker's directives), and what a
// lab is about building oneself.
//
// The rules do not make code harmless; the sandbox does that. They take away the names by which
// code inside a test process could talk the process's own account of the checks round.
package policy

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/scanner"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
)

// Rule is the stable name of a rule.
type Rule string

// The rules.
const (
	RuleImport    Rule = "import"    // a package that is not on the list
	RuleForbidden Rule = "forbidden" // what the lab is about building oneself
	RuleName      Rule = "name"      // a name of an allowed package that is not allowed
	// a comment that speaks to the compiler, the linker or the go command
	RuleDirective Rule = "directive"
	RuleCgo       Rule = "cgo"
	RuleEncoding  Rule = "encoding" // bytes that could make the source look other than it is
	RuleNesting   Rule = "nesting"  // source that these rules cannot read, though the compiler may
)

// Violation is one breach of a rule.
type Violation struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Rule Rule   `json:"rule"`
	What string `json:"what"` // the offending text
	Why  string `json:"why"`
}

func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s (rule %s): %s", v.File, v.Line, v.What, v.Rule, v.Why)
}

// What is told of a file: whoever breaks a rule ten thousand times need not read so many lines.
const (
	maxFound = 20
	maxWhat  = 100 // bytes
)

// Check looks at the files of a submission for a lab, by their names as in lab.yaml. A file that
// does not parse is no violation: the compiler says it better, and it is never run.
func Check(l *course.Lab, files map[string][]byte) []Violation {
	var all []Violation
	for _, name := range l.Files {
		src, ok := files[name]
		if !ok {
			continue
		}
		c := &checker{lab: l, name: name, fset: token.NewFileSet(), imported: map[string]string{}}
		c.encoding(src)
		c.directives(src)
		c.parsed(src)
		slices.SortStableFunc(c.found, func(a, b Violation) int { return a.Line - b.Line })
		all = append(all, c.found...)
	}
	return all
}

type checker struct {
	lab      *course.Lab
	name     string
	fset     *token.FileSet
	found    []Violation
	imported map[string]string // local name → path
}

func (c *checker) add(line int, rule Rule, what, why string) {
	if len(c.found) == maxFound {
		return
	}
	if len(what) > maxWhat {
		what = strings.ToValidUTF8(what[:maxWhat], "") + "…"
	}
	c.found = append(c.found, Violation{File: c.name, Line: line, Rule: rule, What: what, Why: why})
}

// encoding looks for what a reader of the source would not see: NUL, what moves a terminal's
// cursor, and the Unicode characters that reorder text (CVE-2021-42574).
func (c *checker) encoding(src []byte) {
	line := 1
	for _, r := range string(src) {
		switch {
		case r == '\n':
			line++
		case r == 0:
			c.add(line, RuleEncoding, "a NUL byte", "source is text")
			return
		case r == '\b', r == '\x1b', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			c.add(line, RuleEncoding, fmt.Sprintf("the character %U", r),
				"it makes the source look other than it is compiled")
			return
		}
	}
}

// harmless are the directives that change nothing but speed.
var harmless = []string{"//go:noinline", "//go:nosplit", "//go:generate"}

// directives looks at every comment, wherever it stands.
func (c *checker) directives(src []byte) {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile(c.name, -1, len(src))
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
		line := file.PositionFor(pos, false).Line
		word, why := strings.Fields(text)[0], ""
		switch {
		case slices.Contains(harmless, word):
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
			c.add(line, RuleDirective, word, why)
		}
	}
}

func (c *checker) parsed(src []byte) {
	file, err := parser.ParseFile(c.fset, c.name, src, 0)
	if err != nil {
		c.unreadable(err)
		return
	}
	for _, spec := range file.Imports {
		c.importSpec(spec)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident: // also where an interface only names the method: Go infers the pointer's type from that
			if methods[n.Name] {
				c.add(c.line(n), RuleName, n.Name,
					"it gives an address that can be turned into any pointer")
			}
		case *ast.SelectorExpr:
			c.selector(n)
		case *ast.AssignStmt:
			c.written(n.Lhs...)
		case *ast.IncDecStmt:
			c.written(n.X)
		case *ast.RangeStmt:
			c.written(n.Key, n.Value)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				c.written(n.X)
			}
		}
		return true
	})
}

// unreadable looks at why a file does not parse. The compiler refuses it too, unless it is only
// nested deeper than the parser goes: the compiler goes as deep as it likes.
func (c *checker) unreadable(err error) {
	var list scanner.ErrorList
	if !errors.As(err, &list) {
		return
	}
	for _, e := range list {
		if strings.HasPrefix(e.Msg, "exceeded max") {
			c.add(e.Pos.Line, RuleNesting, e.Msg,
				"code that is nested this deep cannot be looked at")
		}
	}
}

func (c *checker) importSpec(spec *ast.ImportSpec) {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return
	}
	line, what := c.line(spec), "import "+spec.Path.Value
	_, some := partly[path]
	why := c.forbidden(path)
	switch {
	case path == "C":
		c.add(line, RuleCgo, `import "C"`, "labs are written in Go alone")
		return
	case why != "":
		c.add(line, RuleForbidden, what, why)
		return
	case !c.allowed(path):
		c.add(line, RuleImport, what, c.notAllowed())
		return
	case spec.Name == nil:
		c.imported[localName(path)] = path
	case spec.Name.Name == "." && some:
		c.add(line, RuleName, "import . "+spec.Path.Value,
			"only some names of this package are allowed, so it is imported by name")
	default:
		c.imported[spec.Name.Name] = path
	}
}

// localName is the name by which a package is known if its import gives it none: the path's last
// part that is no version. It is a guess only for packages outside the standard library, none of
// which is in [partly].
func localName(path string) string {
	parts := strings.Split(path, "/")
	last := parts[len(parts)-1]
	if len(parts) > 1 && version.MatchString(last) {
		last = parts[len(parts)-2]
	}
	return strings.TrimPrefix(last, "go-")
}

var version = regexp.MustCompile(`^v[0-9]+$`)

// selector looks at x.Sel.
func (c *checker) selector(sel *ast.SelectorExpr) {
	name := sel.Sel.Name
	if path, pkg := c.packageOf(sel); path != "" {
		if p, some := partly[path]; some && !p.allows(name) {
			c.add(c.line(sel), RuleName, pkg+"."+name, p.why)
		}
		return
	}
	if slices.Contains(partly["log"].except, name) && c.imports("log") {
		c.add(c.line(sel), RuleName, "."+name, partly["log"].why)
	}
}

// written looks at expressions that are assigned to, or whose address is taken: a variable of
// another package is the checks' variable too, and who sets context.Canceled to nil decides what
// they see.
func (c *checker) written(to ...ast.Expr) {
	for _, x := range to {
		sel, ok := ast.Unparen(x).(*ast.SelectorExpr)
		if !ok {
			continue
		}
		if path, pkg := c.packageOf(sel); path != "" {
			c.add(c.line(sel), RuleName, pkg+"."+sel.Sel.Name+" as a variable",
				"it belongs to its package and is the same one for the checks")
		}
	}
}

// packageOf returns the path and the local name of the package that sel takes a name of, or "".
func (c *checker) packageOf(sel *ast.SelectorExpr) (path, name string) {
	x, ok := sel.X.(*ast.Ident)
	if !ok || shadowed(x) {
		return "", ""
	}
	return c.imported[x.Name], x.Name
}

func (c *checker) imports(path string) bool {
	for _, p := range c.imported {
		if p == path {
			return true
		}
	}
	return false
}

// shadowed reports whether a name is that of a variable. The parser's resolution of names is not
// believed where it takes a scope for wider than it is: for type parameters, which it sees in the
// rest of a group of types, and for the variable of a type switch, which it sees in the cases'
// types.
func shadowed(x *ast.Ident) bool {
	if x.Obj == nil || x.Obj.Kind != ast.Var {
		return false
	}
	as, ok := x.Obj.Decl.(*ast.AssignStmt)
	if !ok || len(as.Rhs) != 1 {
		return true
	}
	assert, ok := as.Rhs[0].(*ast.TypeAssertExpr)
	return !ok || assert.Type != nil
}

func (c *checker) line(n ast.Node) int { return c.fset.PositionFor(n.Pos(), false).Line }

func (c *checker) forbidden(path string) string {
	for _, f := range c.lab.Forbid {
		if path == f.Import || strings.HasPrefix(path, f.Import+"/") {
			return f.Why
		}
	}
	return ""
}

// notAllowed says which packages a lab allows.
func (c *checker) notAllowed() string {
	more := ""
	if len(c.lab.Imports) > 0 {
		more = strings.Join(c.lab.Imports, ", ") + ", "
	}
	return "it is not among the packages that this lab allows: " + more + "golang.org/x/sync, " +
		"golang.org/x/time/rate, and those of the standard library that reach neither the process " +
		"nor the machine"
}

func (c *checker) allowed(path string) bool {
	return defaultImports[path] || slices.Contains(c.lab.Imports, path)
}
