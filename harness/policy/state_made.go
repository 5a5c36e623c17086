package policy

import (
	"go/ast"
	"go/token"
	"go/types"
)

// keepsNothing reports whether a value with which a variable of type to begins keeps nothing that
// its type does not tell: its functions capture nothing that changes, and what its interfaces hold
// is as still as what variables hold otherwise.
func (s *state) keepsNothing(u *unit, e ast.Expr, to types.Type, from string) bool {
	e = ast.Unparen(e)
	tv := u.info.Types[e]
	if tv.Value != nil || tv.IsNil() || tv.Type == nil {
		return true
	}
	t := tv.Type
	if types.IsInterface(to) && !types.IsInterface(t) && (!s.plain(t) ||
		s.reach(t, from, map[types.Type]bool{}) != "") {
		return false // nobody could follow it there
	}
	if !opaque(t, map[types.Type]bool{}) && !isTuple(t) {
		return true
	}
	switch e := e.(type) {
	case *ast.FuncLit:
		s.captured(u, e, from)
		return true
	case *ast.Ident, *ast.SelectorExpr:
		return s.named(u, e, from)
	case *ast.CompositeLit:
		return s.literal(u, e, from)
	case *ast.UnaryExpr:
		return s.keepsNothing(u, e.X, u.info.TypeOf(e.X), from)
	case *ast.StarExpr:
		return s.keepsNothing(u, e.X, u.info.TypeOf(e.X), from)
	case *ast.IndexExpr:
		return s.keepsNothing(u, e.X, u.info.TypeOf(e.X), from)
	case *ast.SliceExpr:
		return s.keepsNothing(u, e.X, u.info.TypeOf(e.X), from)
	case *ast.TypeAssertExpr:
		return s.keepsNothing(u, e.X, u.info.TypeOf(e.X), from)
	case *ast.CallExpr:
		return s.called(u, e, from)
	}
	return false
}

func isTuple(t types.Type) bool {
	_, ok := t.(*types.Tuple)
	return ok
}

// named looks at a function by its name, a method as a value, or a variable.
func (s *state) named(u *unit, e ast.Expr, from string) bool {
	id, ok := e.(*ast.Ident)
	if sel, is := e.(*ast.SelectorExpr); is {
		id, ok = sel.Sel, true
		if x := u.info.Selections[sel]; x != nil && x.Kind() == types.MethodVal {
			return !u.implicit(sel) && s.plain(x.Recv()) &&
				s.reach(x.Recv(), from, map[types.Type]bool{}) == "" &&
				s.keepsNothing(u, sel.X, x.Recv(), from)
		}
	}
	if !ok {
		return false
	}
	// A variable at the top is looked at by itself, and so are the values that a local one gets, with
	// all of its function's; what a parameter gets, with the call's arguments.
	switch obj := u.info.Uses[id].(type) {
	case *types.Func, *types.Nil:
		return true
	case *types.Var:
		x, _ := sharedOf(obj)
		return !u.foreign(obj) || inert(obj.Type()) || x.free || x.seals != nil
	}
	return false
}

// literal looks at the elements of a literal.
func (s *state) literal(u *unit, lit *ast.CompositeLit, from string) bool {
	ok := true
	c := &converter{unit: u, f: func(e ast.Expr, _, to types.Type) {
		ok = ok && s.keepsNothing(u, e, to, from)
	}}
	c.literal(lit)
	return ok
}

// called looks at a call whose result a variable gets.
func (s *state) called(u *unit, call *ast.CallExpr, from string) bool {
	ok := true
	c := &converter{unit: u, f: func(e ast.Expr, _, to types.Type) {
		ok = ok && s.keepsNothing(u, e, to, from)
	}}
	c.call(call)
	for _, arg := range call.Args { // builtins have no signature
		ok = ok && (u.info.Types[arg].IsType() || s.keepsNothing(u, arg, u.info.TypeOf(arg), from))
	}
	tv := u.info.Types[call.Fun]
	if !ok || tv.IsType() || tv.IsBuiltin() {
		return ok
	}
	if lit, is := ast.Unparen(call.Fun).(*ast.FuncLit); is {
		return s.maker(u, lit.Body, from)
	}
	f := u.callee(call)
	switch {
	case f == nil:
		return false
	case u.foreign(f):
		name := functionName(f.Origin())
		return making[name] && (!onces[name] || s.once(u, call.Args[0], from))
	}
	other, body := s.body(f)
	return body != nil && s.maker(other, body, from)
}

// body is that of a function of the submission's own, and where it stands, or nil.
func (s *state) body(f *types.Func) (*unit, *ast.BlockStmt) {
	if f == nil || s.bodies[f.Origin()] == nil {
		return nil, nil
	}
	for _, u := range s.units {
		if u.pkg == f.Pkg() {
			return u, s.bodies[f.Origin()].Body
		}
	}
	return nil, nil
}

// once looks at a function whose results sync.OnceValue keeps, as a variable would.
func (s *state) once(u *unit, fn ast.Expr, from string) bool {
	sig, ok := under[*types.Signature](u.info.TypeOf(fn))
	if !ok {
		return false
	}
	hides := false
	for r := range sig.Results().Variables() {
		if s.reach(r.Type(), from, map[types.Type]bool{}) != "" {
			return false
		}
		hides = hides || opaque(r.Type(), map[types.Type]bool{})
	}
	if !hides {
		return true
	}
	other, body := s.function(u, fn)
	if body == nil {
		return false
	}
	c := &converter{unit: other, f: func(e ast.Expr, t, to types.Type) {
		if types.Identical(to, types.Universe.Lookup("error").Type()) { // of whoever was called, mostly
			n := namedOf(t)
			ok = ok && (n == nil || n.Obj().Pkg() == nil || !s.in.own[n.Obj().Pkg()] ||
				s.reach(t, from, map[types.Type]bool{}) == "")
			return
		}
		ok = ok && (!opaque(to, map[types.Type]bool{}) || s.keepsNothing(other, e, to, from))
	}}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			s.captured(other, n, from)
			return false
		case *ast.AssignStmt, *ast.ReturnStmt:
			c.node(n)
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if v := valueOf(n, i); v != nil && !types.Identical(u.info.TypeOf(id),
					types.Universe.Lookup("error").Type()) {
					ok = ok && s.keepsNothing(other, v, other.info.TypeOf(id), from)
				}
			}
		}
		return true
	})
	return ok
}

// function is the body of what an expression names, or is, and where that stands.
func (s *state) function(u *unit, e ast.Expr) (*unit, *ast.BlockStmt) {
	switch e := ast.Unparen(e).(type) {
	case *ast.FuncLit:
		return u, e.Body
	case *ast.Ident:
		f, _ := u.info.Uses[e].(*types.Func)
		return s.body(f)
	case *ast.SelectorExpr:
		f, _ := u.info.Uses[e.Sel].(*types.Func)
		return s.body(f)
	case *ast.IndexExpr:
		return s.function(u, e.X)
	case *ast.IndexListExpr:
		return s.function(u, e.X)
	}
	return nil, nil
}

// maker looks at a function that makes what a variable begins with: at its results, and at what it
// puts into variables of its own on the way there.
func (s *state) maker(u *unit, body *ast.BlockStmt, from string) bool {
	if s.made[body] {
		return true
	}
	s.made[body] = true
	ok := true
	c := &converter{unit: u, f: func(e ast.Expr, _, to types.Type) {
		ok = ok && (!opaque(to, map[types.Type]bool{}) || s.keepsNothing(u, e, to, from))
	}}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			s.captured(u, n, from)
			return false
		case *ast.AssignStmt, *ast.ReturnStmt:
			c.node(n)
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if v := valueOf(n, i); v != nil {
					ok = ok && s.keepsNothing(u, v, u.info.TypeOf(id), from)
				}
			}
		}
		return true
	})
	return ok
}

// captured looks at the variables that a function literal has from around it: they live as long as
// it does, so if a variable of the package holds it, they are as good as such variables.
func (s *state) captured(u *unit, lit *ast.FuncLit, from string) {
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		v, ok := u.info.Uses[id].(*types.Var)
		if !ok || v.IsField() || global(v) || v.Pos() >= lit.Pos() && v.Pos() < lit.End() ||
			s.roots[v] {
			return true
		}
		s.roots[v] = true
		if bad := s.reach(v.Type(), from, map[types.Type]bool{}); bad != "" {
			u.addUnless(id, RuleState, v.Name()+" with a "+bad+" in it, which "+from+" keeps", whyState)
			return true
		}
		s.follow(v, from)
		return true
	})
}

// begins reports whether code runs only while the package is initialised: in init, in a function
// literal that is called where a variable gets its value, or, for a variable that a function literal
// captures, in the function around that.
func (s *state) begins(u *unit, n ast.Node, v types.Object) bool {
	for n != nil {
		switch f := n.(type) {
		case *ast.FuncLit:
			call, ok := u.parent[f].(*ast.CallExpr)
			if !ok || call.Fun != f {
				return v != nil && f.Pos() <= v.Pos() && v.Pos() < f.End() // its own
			}
		case *ast.FuncDecl:
			return f.Recv == nil && f.Name.Name == "init" ||
				v != nil && f.Pos() <= v.Pos() && v.Pos() < f.End()
		case *ast.GenDecl:
			if _, top := u.parent[f].(*ast.File); top && f.Tok == token.VAR {
				return true
			}
		}
		n = u.parent[n]
	}
	return false
}
