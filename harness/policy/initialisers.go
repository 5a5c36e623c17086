package policy

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// initialisers looks at what runs before a check begins: the values of variables at the top of a
// package, init functions, and what of the submission they call. What they start would be there
// before the check, and outlive it: a goroutine that is in no check's bubble, a socket that is
// nobody's.
//
// What is called by a name is known. What is called as a value may be any function of the
// submission's whose value has been taken in code that runs.
func (u *unit) initialisers() {
	in := &start{unit: u, bodies: u.functions(), seen: map[ast.Node]bool{},
		values: map[ast.Node]ast.Node{}, methods: map[ast.Node]ast.Node{}}
	for _, own := range []bool{true, false} { // what the course's files call has been looked at then
		for name, f := range u.files {
			if (u.found[name] != nil) == own {
				in.roots(f)
			}
		}
	}
	in.rest()
}

// roots looks at the initialisers of a file.
func (s *start) roots(f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			if d.Tok == token.VAR {
				s.walk(d)
			}
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" && d.Body != nil {
				s.walk(d.Body)
			}
		}
	}
}

// functions are the bodies of the submission's functions and methods.
func (u *unit) functions() map[*types.Func]*ast.FuncDecl {
	all := map[*types.Func]*ast.FuncDecl{}
	for _, f := range u.files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				if obj, ok := u.info.Defs[fn.Name].(*types.Func); ok {
					all[obj] = fn
				}
			}
		}
	}
	return all
}

// start follows what runs.
type start struct {
	*unit
	bodies map[*types.Func]*ast.FuncDecl
	seen   map[ast.Node]bool // has been looked at
	// functions whose value has been taken, literals and declarations, and those of the types of
	// which there are values; with the place where that is
	values, methods map[ast.Node]ast.Node

	via ast.Node // the place in the submission from which code of the course's is called

	// values and methods are called, and no name tells which
	callsValues, callsMethods bool

	later []func() // reports what is wrong if values are called
}

// rest follows the functions that are called without their names, if any is.
func (s *start) rest() {
	for more := true; more; {
		more = false
		for _, some := range []struct {
			called    bool
			functions map[ast.Node]ast.Node
		}{{s.callsValues, s.values}, {s.callsMethods, s.methods}} {
			for f, from := range some.functions {
				if some.called && !s.seen[f] {
					more = true
					s.body(f, from)
				}
			}
		}
	}
	for _, report := range s.later {
		if s.callsValues {
			report()
		}
	}
}

// body looks at a function that may be called, as from says.
func (s *start) body(f, from ast.Node) {
	if s.seen[f] {
		return
	}
	s.seen[f] = true
	before := s.via
	if s.mine(from) {
		s.via = from
	}
	switch f := f.(type) {
	case *ast.FuncLit:
		s.walk(f.Body)
	case *ast.FuncDecl:
		s.walk(f.Body)
	}
	s.via = before
}

// mine reports whether a place is in a file of the submission's, not in one that the course gives.
func (s *start) mine(n ast.Node) bool {
	return s.found[s.fset.PositionFor(n.Pos(), false).Filename] != nil
}

// walk looks at code that runs.
func (s *start) walk(code ast.Node) {
	ast.Inspect(code, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			s.literal(n)
			return false
		case *ast.GoStmt:
			s.report(n, "a go statement", "it starts a goroutine")
		case *ast.SendStmt:
			s.report(n, "a channel", "it may wait for another goroutine")
		case *ast.SelectStmt:
			s.report(n, "a select statement", "it may wait for another goroutine")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				s.report(n, "a channel", "it may wait for another goroutine")
			}
		case *ast.RangeStmt:
			s.ranged(n)
		case *ast.CallExpr:
			s.call(n)
		case *ast.Ident:
			s.named(n)
		}
		return true
	})
}

func (s *start) report(n ast.Node, what, why string) {
	s.add(s.from(n), RuleInitialiser, what,
		why+" before a check begins: do it in a function that is called")
}

// literal looks at a function without a name: it runs if it is called where it stands.
func (s *start) literal(n *ast.FuncLit) {
	around, inside := s.above(n)
	if call, ok := around.(*ast.CallExpr); ok && call.Fun == inside {
		s.body(n, n)
		return
	}
	s.values[n] = n
}

func (s *start) ranged(n *ast.RangeStmt) {
	t := s.info.TypeOf(n.X)
	if _, ok := under[*types.Chan](t); ok {
		s.report(n, "a channel", "it may wait for another goroutine")
	}
	if _, ok := under[*types.Signature](t); ok {
		s.callsValues = true
	}
}

// named looks at a name in code that runs.
func (s *start) named(id *ast.Ident) {
	switch obj := s.info.Uses[id].(type) {
	case *types.Func:
		obj = obj.Origin()
		if s.foreign(obj) {
			s.library(id, obj)
			return
		}
		if f := s.bodies[obj]; f != nil {
			s.reference(id, f)
			return
		}
		if obj.Pkg() != nil && obj.Pkg() != s.pkg {
			s.report(id, types.ExprString(s.whole(id)), "it is in another package, and may begin "+
				"something")
			return
		}
		s.callsMethods, s.callsValues = true, true // by an interface
		if startingMethods[obj.Name()] {
			s.report(id, types.ExprString(s.whole(id)), "it may begin something")
		}
	case *types.TypeName:
		s.methodsOf(id, obj)
	}
}

// from is a place, or the one in the submission that has led there.
func (s *start) from(n ast.Node) ast.Node {
	if !s.mine(n) && s.via != nil {
		return s.via
	}
	return n
}

// library looks at the name of a function of another package.
func (s *start) library(id *ast.Ident, f *types.Func) {
	why := s.starts(f)
	if why == "" {
		return
	}
	if s.called(id) {
		s.report(id, types.ExprString(s.whole(id)), why)
		return
	}
	at := s.from(id) // its value is taken, such as a clock that tests replace
	s.later = append(s.later, func() { s.report(at, types.ExprString(s.whole(id)), why) })
}

// reference looks at the name of a function of the submission's own.
func (s *start) reference(id *ast.Ident, f *ast.FuncDecl) {
	if s.called(id) {
		s.body(f, id)
		return
	}
	s.values[f] = s.from(id)
}

// called reports whether the function of that name is called where it stands. Else its value is
// taken.
func (s *start) called(id *ast.Ident) bool {
	around, inside := s.above(s.whole(id))
	switch x := around.(type) {
	case *ast.IndexExpr:
		if x.X == inside {
			around, inside = s.above(x)
		}
	case *ast.IndexListExpr:
		around, inside = s.above(x)
	}
	call, ok := around.(*ast.CallExpr)
	return ok && call.Fun == inside
}

// methodsOf takes the methods of a type that code that runs makes values of: they may be called
// through an interface.
func (s *start) methodsOf(n ast.Node, t *types.TypeName) {
	if s.foreign(t) {
		return
	}
	named := namedOf(t.Type())
	if named == nil {
		return
	}
	for m := range named.Origin().Methods() {
		if f := s.bodies[m]; f != nil {
			s.methods[f] = s.from(n)
		}
	}
}

// call looks at whether a function is called whose name the call does not tell.
func (s *start) call(n *ast.CallExpr) {
	tv := s.info.Types[n.Fun]
	if tv.IsType() || tv.IsBuiltin() {
		return
	}
	f := s.callee(n)
	if f == nil {
		if _, literal := ast.Unparen(n.Fun).(*ast.FuncLit); !literal {
			s.callsValues = true
		}
		return
	}
	if !s.foreign(f) || lazy[functionName(f)] {
		return
	}
	seen := map[types.Type]bool{}
	if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && s.info.Selections[sel] != nil {
		s.handed(n, s.info.TypeOf(sel.X), seen)
	}
	for _, arg := range n.Args {
		s.handed(n, s.info.TypeOf(arg), seen)
	}
}

// handed looks at a value that a function of another package gets: it may call what it finds there.
func (s *start) handed(at ast.Node, t types.Type, seen map[types.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	t = types.Unalias(t)
	n, named := t.(*types.Named)
	named = named && n.Obj().Pkg() != nil
	if named && !s.foreign(n.Obj()) {
		s.methodsOf(at, n.Obj())
		s.callsMethods = true
	}
	switch u := t.Underlying().(type) {
	case *types.Signature:
		s.callsValues = true
	case *types.Interface:
		s.callsMethods = true
		s.callsValues = s.callsValues || t != types.Universe.Lookup("error").Type()
	case *types.Pointer:
		s.handed(at, u.Elem(), seen)
	case *types.Slice:
		s.handed(at, u.Elem(), seen)
	case *types.Array:
		s.handed(at, u.Elem(), seen)
	case *types.Map:
		s.handed(at, u.Elem(), seen)
	case *types.Tuple:
		for v := range u.Variables() {
			s.handed(at, v.Type(), seen)
		}
	case *types.Struct:
		for f := range u.Fields() {
			if f.Exported() || !s.foreign(f) {
				s.handed(at, f.Type(), seen)
			}
		}
	}
}

// functionName is a function as "package.Name" or a method as "package.Type.Name".
func functionName(f *types.Func) string {
	if name := member(f); name != "" {
		return name
	}
	if f.Pkg() == nil {
		return f.Name()
	}
	return f.Pkg().Path() + "." + f.Name()
}

// starts says what a function of another package leaves behind, or "".
func (s *start) starts(f *types.Func) string {
	name, path := functionName(f), f.Pkg().Path()
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !modest[name] {
		return "it may start goroutines and open connections"
	}
	if why := starting[name]; why != "" {
		return why
	}
	for prefix, why := range startingWith {
		if strings.HasPrefix(name, prefix) {
			return why
		}
	}
	return ""
}
