package policy

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// use looks at one place where something that is followed has its name.
func (s *state) use(x stateUse, obj types.Object) {
	v, isVar := obj.(*types.Var)
	root := isVar && s.roots[v]
	if root && s.begins(x.u, x.id, v) {
		s.beginning(x.u, x.u.whole(x.id), v)
		return
	}
	f := &flow{state: s, u: x.u, from: s.held[obj]}
	if fn, ok := obj.(*types.Func); ok {
		f.result(x.id, fn)
		return
	}
	if _, ok := x.u.parent[x.id].(*ast.KeyValueExpr); ok && v.IsField() {
		return // the key of a value that is made new
	}
	f.walk(x.u.whole(x.id), root)
}

// beginning looks at what a variable gets while the package is initialised.
func (s *state) beginning(u *unit, e ast.Expr, v *types.Var) {
	for {
		switch n := u.parent[e].(type) {
		case *ast.AssignStmt:
			i := slices.Index(n.Lhs, e)
			if i < 0 {
				return
			}
			if len(n.Rhs) == 1 {
				i = 0
			}
			if !s.keepsNothing(u, n.Rhs[i], u.info.TypeOf(e), s.held[v]) {
				u.add(e, RuleState, s.held[v]+made, whyState)
			}
			return
		case *ast.ParenExpr, *ast.SelectorExpr, *ast.IndexExpr, *ast.StarExpr:
			e = n.(ast.Expr)
		default:
			return
		}
	}
}

// flow follows what can be reached from one variable through one expression.
type flow struct {
	*state
	u    *unit
	from string // the variable
}

func (f *flow) report(n ast.Node, what string) {
	if !strings.HasPrefix(what, f.from) {
		what = f.from + " by " + what
	}
	f.u.addUnless(n, RuleState, what, whyStill)
}

// walk looks at what is done with an expression, which is a place in what is shared, or a value from
// there.
func (f *flow) walk(e ast.Expr, place bool) {
	t := f.u.info.TypeOf(e)
	if t == nil || !place && f.plain(t) {
		return
	}
	around, inside := f.u.above(e)
	switch n := around.(type) {
	case *ast.SelectorExpr:
		f.selected(n, inside, place)
	case *ast.IndexExpr:
		if n.X == inside && !isString(t) {
			f.walk(n, place || !isArray(t))
		}
	case *ast.StarExpr:
		f.walk(n, true)
	case *ast.SliceExpr:
		if n.X == inside && !isString(t) {
			f.walk(n, false)
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			f.address(n, t)
		} else if n.Op == token.ARROW {
			f.report(n, types.ExprString(n))
		}
	case *ast.IncDecStmt:
		if place {
			f.report(n, types.ExprString(e)+n.Tok.String())
		}
	case *ast.AssignStmt:
		f.assigned(n, inside, place)
	case *ast.ValueSpec:
		if !f.plain(t) {
			f.declaredAs(n, inside)
		}
	case *ast.RangeStmt:
		f.ranged(n, inside, place)
	case *ast.CallExpr:
		f.call(n, inside)
	case *ast.ReturnStmt:
		if !f.plain(t) {
			f.returned(n, e)
		}
	case *ast.KeyValueExpr:
		if n.Value == inside {
			f.element(f.u.parent[n].(*ast.CompositeLit), n, inside)
		}
	case *ast.CompositeLit:
		f.element(n, nil, inside)
	case *ast.TypeAssertExpr:
		if n.Type != nil {
			f.walk(n, false)
		}
	case *ast.SendStmt:
		f.escapes(n, t, types.ExprString(n.Value)+" on a channel")
	case *ast.DeferStmt, *ast.GoStmt, *ast.ExprStmt, *ast.IfStmt, *ast.SwitchStmt, *ast.CaseClause,
		*ast.ForStmt, *ast.BinaryExpr:
	default:
		f.report(e, types.ExprString(e))
	}
}

func isString(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsString != 0
}

func isArray(t types.Type) bool {
	_, ok := t.Underlying().(*types.Array)
	return ok
}

// escapes reports a value that goes where nobody can follow it, unless it is plain.
func (f *flow) escapes(n ast.Node, t types.Type, what string) {
	if !f.plain(t) {
		f.report(n, what)
	}
}

// selected looks at a field or a method of e.
func (f *flow) selected(n *ast.SelectorExpr, inside ast.Expr, place bool) {
	sel := f.u.info.Selections[n]
	if n.X != inside || sel == nil {
		return
	}
	if sel.Kind() == types.FieldVal {
		f.walk(n, place || sel.Indirect())
		return
	}
	m := sel.Obj().(*types.Func).Origin()
	recv := m.Signature().Recv()
	if f.u.implicit(n) && place {
		elem := recv.Type().(*types.Pointer).Elem()
		if named := namedOf(elem); named == nil || !still[typeName(named)] {
			f.address(n, elem)
		} else if changing[typeName(named)][m.Name()] {
			f.report(n, types.ExprString(n))
		}
	}
	switch t := f.u.info.TypeOf(inside); {
	case types.IsInterface(recv.Type()) || f.u.foreign(m):
		if !f.plain(t) && !readingMethod(m) {
			f.report(n, types.ExprString(n))
		}
	case !f.plain(recv.Type()):
		f.follow(recv, f.from)
	}
}

// readingMethod reports whether a method of another package only reads its receiver.
func readingMethod(m *types.Func) bool {
	switch m.Name() {
	case "Get", "Values", "Has", "Encode", "Equal", "String", "Len":
		return true
	}
	return reading[functionName(m)]
}

// address looks at a pointer to a place. One to a struct of the submission's own is sealed.
func (f *flow) address(n ast.Expr, t types.Type) {
	named, ok := types.Unalias(t).(*types.Named)
	if ok {
		_, isStruct := named.Underlying().(*types.Struct)
		if isStruct && named.Obj().Pkg() != nil && f.in.own[named.Obj().Pkg()] {
			f.seal(named, f.from)
			return
		}
	}
	f.report(n, types.ExprString(n))
}

// assigned looks at an assignment to e, or of e to something else.
func (f *flow) assigned(n *ast.AssignStmt, e ast.Expr, place bool) {
	if slices.Contains(n.Lhs, e) {
		if place {
			f.report(n, types.ExprString(e)+" "+n.Tok.String()+" …")
		}
		return
	}
	if f.plain(f.u.info.TypeOf(e)) {
		return // a copy
	}
	if len(n.Rhs) == 1 {
		for _, to := range n.Lhs {
			f.goesTo(to, n, e)
		}
		return
	}
	f.goesTo(n.Lhs[slices.Index(n.Rhs, e)], n, e)
}

// declaredAs looks at variables that begin with e.
func (f *flow) declaredAs(n *ast.ValueSpec, e ast.Expr) {
	for i, id := range n.Names {
		if v := valueOf(n, i); v != nil && ast.Unparen(v) == ast.Unparen(e) {
			f.goesTo(id, n, e)
		}
	}
}

// goesTo follows a value to the place that it is assigned to.
func (f *flow) goesTo(to ast.Expr, n ast.Node, e ast.Expr) {
	to = ast.Unparen(to)
	id, ok := to.(*ast.Ident)
	if sel, is := to.(*ast.SelectorExpr); is {
		id, ok = sel.Sel, true
	}
	if ok && id.Name == "_" {
		return
	}
	if t := f.u.info.TypeOf(to); t != nil && isTuple(f.u.info.TypeOf(e)) && f.plain(t) &&
		!types.IsInterface(t) {
		return // another result of the call
	}
	if ok {
		if v, is := f.u.info.ObjectOf(id).(*types.Var); is && f.goesInto(v, f.u.info.TypeOf(e)) {
			return
		}
	}
	f.report(n, types.ExprString(e)+" as "+types.ExprString(to))
}

// goesInto follows a value of type t into a variable, a field or a parameter. It reports whether
// that can be followed: an interface hides what it holds.
func (f *flow) goesInto(v *types.Var, t types.Type) bool {
	_, param := types.Unalias(v.Type()).(*types.TypeParam)
	if types.IsInterface(v.Type()) && !param {
		return isTuple(t) && types.Identical(v.Type(), types.Universe.Lookup("error").Type())
	}
	f.follow(v, f.from)
	return true
}

// ranged looks at a loop over e, or one that assigns to it.
func (f *flow) ranged(n *ast.RangeStmt, e ast.Expr, place bool) {
	if n.X != e {
		if place {
			f.report(e, types.ExprString(e)+" in a loop")
		}
		return
	}
	key, value := elements(f.u.info.TypeOf(e))
	for _, x := range []struct {
		to ast.Expr
		t  types.Type
	}{{n.Key, key}, {n.Value, value}} {
		if x.to != nil && x.t != nil && !f.plain(x.t) {
			f.goesTo(x.to, n, e)
		}
	}
}

// element looks at a literal that has e as an element.
func (f *flow) element(lit *ast.CompositeLit, kv *ast.KeyValueExpr, e ast.Expr) {
	t := f.u.info.TypeOf(e)
	st, ok := under[*types.Struct](f.u.info.TypeOf(lit))
	if !ok {
		if _, to := elements(f.u.info.TypeOf(lit)); f.plain(t) || to == nil || types.IsInterface(to) {
			f.escapes(lit, t, types.ExprString(e)+" in a literal")
			return
		}
		f.walk(lit, false)
		return
	}
	for i := range st.NumFields() {
		v := st.Field(i)
		id, named := (*ast.Ident)(nil), false
		if kv != nil {
			id, named = kv.Key.(*ast.Ident)
		}
		if kv == nil && lit.Elts[i] == e || named && id.Name == v.Name() {
			if !f.plain(t) && !f.goesInto(v.Origin(), t) {
				f.report(lit, types.ExprString(e)+" in a literal")
			}
		}
	}
}

// returned follows a value to the calls of the function that returns it.
func (f *flow) returned(n *ast.ReturnStmt, e ast.Expr) {
	for x := f.u.parent[n]; x != nil; x = f.u.parent[x] {
		switch x := x.(type) {
		case *ast.FuncLit:
			if call, ok := f.u.parent[x].(*ast.CallExpr); ok && call.Fun == x {
				f.walk(call, false)
				return
			}
			f.escapes(n, f.u.info.TypeOf(e), "return "+types.ExprString(e))
			return
		case *ast.FuncDecl:
			obj, ok := f.u.info.Defs[x.Name].(*types.Func)
			if !ok {
				return
			}
			for r := range obj.Signature().Results().Variables() {
				if types.IsInterface(r.Type()) && !f.plain(f.u.info.TypeOf(e)) &&
					obj.Signature().Results().Len() == 1 {
					f.report(n, "return "+types.ExprString(e))
					return
				}
			}
			f.follow(obj, f.from)
			f.overridden(obj)
			return
		}
	}
}

// overridden follows the results of the methods of interfaces by which a method may be called.
func (f *flow) overridden(m *types.Func) {
	if m.Signature().Recv() == nil {
		return
	}
	for obj := range f.uses {
		fn, ok := obj.(*types.Func)
		if ok && fn.Name() == m.Name() && fn.Signature().Recv() != nil &&
			types.IsInterface(fn.Signature().Recv().Type()) {
			f.follow(fn, f.from)
		}
	}
}

// result looks at a call of a function that returns what is followed.
func (f *flow) result(id *ast.Ident, fn *types.Func) {
	e := f.u.whole(id)
	around, inside := f.u.above(e)
	if x, ok := around.(*ast.IndexExpr); ok && x.X == inside {
		around, inside = f.u.above(x)
	}
	if call, ok := around.(*ast.CallExpr); ok && call.Fun == inside {
		f.walk(call, false)
		return
	}
	f.escapes(e, fn.Signature().Results(), types.ExprString(e)+" as a value")
}
