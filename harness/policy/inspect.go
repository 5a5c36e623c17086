package policy

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
)

// unit is one package of a submission, with its types.
type unit struct {
	src    *source
	fset   *token.FileSet
	pkg    *types.Package
	info   *types.Info
	files  map[string]*ast.File // the submission's and those given
	parent map[ast.Node]ast.Node
	own    map[*types.Package]bool // the submission's packages
	found  map[string]*findings
}

// inspect applies the rules about types. The error says why they could not be applied, if that is
// not the submission's fault.
func (s *source) inspect() (verdict, error) {
	fset := token.NewFileSet()
	return s.inspectWith(fset, importer.ForCompiler(fset, "gc", s.export))
}

// inspectWith has the packages of others from lib.
func (s *source) inspectWith(fset *token.FileSet, lib types.Importer) (verdict, error) {
	in := &inspector{src: s, fset: fset, lib: lib, units: map[string]*unit{},
		own: map[*types.Package]bool{}}
	for _, dir := range slices.Sorted(maps.Keys(s.dirs())) {
		in.load(path.Join(s.Path, dir))
	}
	in.rules()
	var v verdict
	for _, name := range slices.Sorted(maps.Keys(in.units)) {
		u := in.units[name]
		for _, name := range slices.Sorted(maps.Keys(u.found)) {
			v.Violations = append(v.Violations, u.found[name].sorted()...)
		}
	}
	v.Doubt = in.doubt
	return v, in.broken
}

// export opens the file with the types of a package.
func (s *source) export(path string) (io.ReadCloser, error) {
	file, ok := s.Exports[path]
	if !ok {
		return nil, errUnknown
	}
	return os.Open(file)
}

// errUnknown says that a package is none that the submission imports with a right to.
var errUnknown = errors.New("there is no such package")

// inspector reads the packages of a submission, in the order in which they import each other.
type inspector struct {
	src    *source
	fset   *token.FileSet
	lib    types.Importer
	units  map[string]*unit // by import path
	own    map[*types.Package]bool
	doubt  *Violation // the first mistake in the source
	broken error
}

// Import is for the checker of types.
func (in *inspector) Import(name string) (*types.Package, error) {
	dir, err := relative(in.src.Path, name)
	if err == nil && in.src.dirs()[dir] {
		u := in.load(name)
		if u.pkg == nil {
			return nil, fmt.Errorf("%s imports itself, or has no name", name)
		}
		return u.pkg, nil
	}
	pkg, err := in.lib.Import(name)
	if err != nil && in.broken == nil && !errors.Is(err, errUnknown) {
		in.broken = fmt.Errorf("the types of package %s cannot be read; "+
			"labs may have been built by another Go than the one on the PATH: %w", name, err)
	}
	return pkg, err
}

// relative is the folder of an import path below another.
func relative(root, name string) (string, error) {
	if name == root {
		return ".", nil
	}
	rest, ok := strings.CutPrefix(name, root+"/")
	if !ok {
		return "", fmt.Errorf("%s is not below %s", name, root)
	}
	return rest, nil
}

// load parses and checks a package.
func (in *inspector) load(name string) *unit {
	if u, ok := in.units[name]; ok {
		return u
	}
	dir, _ := relative(in.src.Path, name)
	u := &unit{src: in.src, fset: in.fset, files: map[string]*ast.File{}, own: in.own,
		parent: map[ast.Node]ast.Node{}, found: map[string]*findings{}, info: &types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
			Uses:       map[*ast.Ident]types.Object{},
			Selections: map[*ast.SelectorExpr]*types.Selection{},
			Instances:  map[*ast.Ident]types.Instance{}, Implicits: map[ast.Node]types.Object{},
		}}
	in.units[name] = u
	var files []*ast.File
	for _, all := range []map[string]string{in.src.Files, in.src.Given} {
		for _, file := range slices.Sorted(maps.Keys(all)) {
			if path.Dir(file) == dir {
				if f := in.parse(u, file, all[file]); f != nil {
					files = append(files, f)
				}
			}
		}
	}
	conf := types.Config{Importer: in, GoVersion: "go" + in.src.Go,
		Sizes: types.SizesFor("gc", runtime.GOARCH), Error: in.mistake}
	u.pkg, _ = conf.Check(name, in.fset, files, u.info)
	in.own[u.pkg] = true
	return u
}

// parse reads a file. One that does not parse is left out.
func (in *inspector) parse(u *unit, name, src string) *ast.File {
	f, err := parser.ParseFile(in.fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		in.unreadable(u, name, err)
		return nil
	}
	if _, own := in.src.Files[name]; own {
		u.found[name] = &findings{name: name}
	}
	u.files[name] = f
	var stack []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if len(stack) > 0 {
			u.parent[n] = stack[len(stack)-1]
		}
		stack = append(stack, n)
		return true
	})
	return f
}

// unreadable looks at why a file does not parse. The compiler refuses it too, unless it is only
// nested deeper than the parser goes: the compiler goes as deep as it likes.
func (in *inspector) unreadable(u *unit, name string, err error) {
	var list scanner.ErrorList
	if !errors.As(err, &list) {
		return
	}
	for _, e := range list {
		if strings.HasPrefix(e.Msg, "exceeded max") {
			u.found[name] = &findings{name: name}
			u.found[name].add(e.Pos.Line, RuleNesting, e.Msg,
				"code that is nested this deep cannot be looked at")
		}
	}
	in.note(name, list[0].Pos.Line, list[0].Msg)
}

// mistake takes note of an error that the checker of types has found.
func (in *inspector) mistake(err error) {
	var e types.Error
	if errors.As(err, &e) {
		at := e.Fset.PositionFor(e.Pos, false)
		in.note(at.Filename, at.Line, e.Msg)
	}
}

func (in *inspector) note(file string, line int, msg string) {
	if in.doubt == nil {
		in.doubt = &Violation{File: file, Line: line, Rule: RuleTypes, What: msg,
			Why: "what is not clear without the checks' own files is not allowed"}
	}
}

// rules applies them all. What one package does with a shared value counts for the others.
//
// In source with mistakes anything may lack its type. The compiler refuses it, so it does not
// matter if not every rule gets to its end there.
func (in *inspector) rules() {
	defer func() {
		if in.doubt != nil {
			recover()
		}
	}()
	loose := map[string]bool{}
	units := slices.Sorted(maps.Keys(in.units))
	for _, name := range units {
		u := in.units[name]
		u.names()
		u.variables(loose)
		u.initialisers()
		u.handedIn(u.contract(in.stub(name)))
	}
	for _, name := range units {
		in.units[name].sealed(loose)
	}
	if !in.src.State && !in.src.Hunt && in.doubt == nil {
		for _, name := range units {
			in.units[name].shared()
		}
		in.state()
	}
}

// add notes a violation, if it is in a file of the submission.
func (u *unit) add(n ast.Node, rule Rule, what, why string) {
	at := u.fset.PositionFor(n.Pos(), false)
	if f := u.found[at.Filename]; f != nil {
		f.add(at.Line, rule, what, why)
	}
}

// addUnless notes a violation if there is none of that rule in the line: of two ways to say the
// same thing one is enough.
func (u *unit) addUnless(n ast.Node, rule Rule, what, why string) {
	at := u.fset.PositionFor(n.Pos(), false)
	f := u.found[at.Filename]
	if f != nil && !slices.ContainsFunc(f.found, func(v Violation) bool {
		return v.Line == at.Line && v.Rule == rule
	}) {
		f.add(at.Line, rule, what, why)
	}
}

// each calls f with every node of the submission's own files.
func (u *unit) each(f func(ast.Node)) {
	for _, name := range slices.Sorted(maps.Keys(u.found)) {
		if u.files[name] == nil {
			continue // it does not parse
		}
		ast.Inspect(u.files[name], func(n ast.Node) bool {
			if n != nil {
				f(n)
			}
			return true
		})
	}
}

// uses calls f with every name of the submission's own files that means something, in their order.
func (u *unit) uses(f func(*ast.Ident, types.Object)) {
	var ids []*ast.Ident
	for id := range u.info.Uses {
		if u.found[u.fset.PositionFor(id.Pos(), false).Filename] != nil {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b *ast.Ident) int { return cmp.Compare(a.Pos(), b.Pos()) })
	for _, id := range ids {
		f(id, u.info.Uses[id])
	}
}

// foreign reports whether an object belongs to another package.
func (u *unit) foreign(obj types.Object) bool { return obj.Pkg() != nil && !u.own[obj.Pkg()] }

// global reports whether an object is declared at the top of a package.
func global(obj types.Object) bool { return obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope() }

// whole is the expression that a name belongs to: pkg.Name, or the name itself.
func (u *unit) whole(id *ast.Ident) ast.Expr {
	if sel, ok := u.parent[id].(*ast.SelectorExpr); ok && sel.Sel == id {
		return sel
	}
	return id
}

// above is the node around an expression and its parentheses.
func (u *unit) above(e ast.Expr) (around ast.Node, inside ast.Expr) {
	for {
		p, ok := u.parent[e].(*ast.ParenExpr)
		if !ok {
			return u.parent[e], e
		}
		e = p
	}
}

// argumentOf is the function, or nil, of whose call an expression is an argument.
func (u *unit) argumentOf(e ast.Expr) *types.Func {
	around, _ := u.above(e)
	if call, ok := around.(*ast.CallExpr); ok {
		return u.callee(call)
	}
	return nil
}
