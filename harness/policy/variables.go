package policy

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// variables looks at the variables of other packages. They are the checks' variables, too: who sets
// context.Canceled to nil, or what time.UTC points to to another zone, decides what the checks see.
//
// It adds to loose the types of values that go where they could be changed.
func (u *unit) variables(loose map[string]bool) {
	w := u.writes()
	u.uses(func(id *ast.Ident, obj types.Object) {
		v, ok := obj.(*types.Var)
		if !ok || !u.foreign(v) || !global(v) {
			return
		}
		if p, some := partly[v.Pkg().Path()]; some && !p.allows(v.Name()) {
			return // not even its name is allowed
		}
		e := u.whole(id)
		if w[e] {
			u.add(e, RuleVariable, types.ExprString(e)+" as a variable", whyVariable)
			return
		}
		s, listed := sharedOf(v)
		use := u.use(e)
		if s.free || !listed && inert(v.Type()) || use.harmless(s) {
			return
		}
		if !use.value || s.seals == nil {
			u.add(e, RuleVariable, types.ExprString(e), whyUse(s))
		}
		for _, t := range s.seals {
			loose[t] = true
		}
	})
}

const whyVariable = "it belongs to its package and is the same one for the checks"

// whyUse says how a variable may be used.
func whyUse(s variable) string {
	if s.why != "" {
		return s.why
	}
	if s.arguments != nil {
		return whyVariable + ": hand it to " + strings.Join(s.arguments, ", ") +
			" directly, or not at all"
	}
	return whyVariable + ", and what it points to could be changed: make your own"
}

// use is what a submission does with the value of a variable.
type use struct {
	method   string // is called on it, or taken of it
	argument string // it is handed to this function, as "package.Name"
	compared bool
	copied   bool // what it points to is
	value    bool // it goes somewhere else as it is
}

// use finds out what is done with the variable that e names.
func (u *unit) use(e ast.Expr) use {
	around, inside := u.above(e)
	switch n := around.(type) {
	case *ast.SelectorExpr:
		if s := u.info.Selections[n]; s != nil && s.Kind() == types.MethodVal {
			return use{method: n.Sel.Name}
		}
	case *ast.BinaryExpr:
		return use{compared: true}
	case *ast.StarExpr:
		return use{copied: true}
	case *ast.CaseClause:
		return use{compared: slices.Contains(n.List, inside)}
	case *ast.CallExpr:
		if f := u.callee(n); f != nil && n.Fun != inside && f.Pkg() != nil &&
			f.Signature().Recv() == nil && u.foreign(f) {
			return use{argument: f.Pkg().Path() + "." + f.Name(), value: true}
		}
		return use{value: true}
	case *ast.TypeAssertExpr:
		return use{method: u.asserted(n)}
	case *ast.AssignStmt, *ast.ValueSpec, *ast.KeyValueExpr, *ast.CompositeLit, *ast.ReturnStmt,
		*ast.SendStmt:
		return use{value: true}
	}
	return use{}
}

// asserted is the method that is called on the asserted value in the same expression, behind a dot,
// or "".
func (u *unit) asserted(n *ast.TypeAssertExpr) string {
	around, _ := u.above(n)
	if sel, ok := around.(*ast.SelectorExpr); ok && n.Type != nil {
		if s := u.info.Selections[sel]; s != nil && s.Kind() == types.MethodVal {
			return types.TypeString(u.info.TypeOf(n.Type), nil) + "." + sel.Sel.Name
		}
	}
	return ""
}

// callee is the function or method that a call names, or nil if it calls a value.
func (u *unit) callee(call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		fun = ast.Unparen(x.X)
	case *ast.IndexListExpr:
		fun = ast.Unparen(x.X)
	}
	var id *ast.Ident
	switch x := fun.(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	default:
		return nil
	}
	f, _ := u.info.Uses[id].(*types.Func)
	return f
}

// cloning are functions that make a copy of what they get.
var cloning = []string{"maps.Clone", "slices.Clone", "bytes.Clone"}

// harmless reports whether nothing can be changed by this use.
func (n use) harmless(s variable) bool {
	return n.compared || n.copied && s.seals != nil || slices.Contains(s.methods, n.method) ||
		slices.Contains(cloning, n.argument) || slices.Contains(s.arguments, n.argument)
}

// inert reports whether nothing can be changed through a value of this type: it is a copy that
// points to nothing, or an error, which only tells.
func inert(t types.Type) bool {
	if types.Identical(t, types.Universe.Lookup("error").Type()) {
		return true
	}
	switch t := t.Underlying().(type) {
	case *types.Basic, *types.Signature:
		return true
	case *types.Array:
		return inert(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			if !inert(f.Type()) {
				return false
			}
		}
		return true
	}
	return false
}

// writes are the variables of other packages that are assigned to, or whose address is taken, in
// whole or in part.
func (u *unit) writes() map[ast.Expr]bool {
	w := map[ast.Expr]bool{}
	u.places(func(e ast.Expr) {
		for e != nil {
			w[e] = true
			e = u.inner(e)
		}
	})
	return w
}

// inner is the expression that a place is a part of, or nil: x in x.f, x[i], *x and (x).
func (u *unit) inner(e ast.Expr) ast.Expr {
	switch x := e.(type) {
	case *ast.ParenExpr:
		return x.X
	case *ast.SelectorExpr:
		if u.info.Selections[x] != nil {
			return x.X
		}
	case *ast.IndexExpr:
		return x.X
	case *ast.StarExpr:
		return x.X
	case *ast.SliceExpr:
		return x.X
	}
	return nil
}

// places calls f with every expression that is assigned to, whose address is taken, explicitly or
// by the call of a method, or that is sliced.
func (u *unit) places(f func(ast.Expr)) {
	u.each(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				f(x)
			}
		case *ast.IncDecStmt:
			f(n.X)
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if x != nil {
					f(x)
				}
			}
		case *ast.UnaryExpr:
			if n.Op.String() == "&" {
				f(n.X)
			}
		case *ast.SliceExpr:
			f(n)
		case *ast.SelectorExpr:
			if u.implicit(n) {
				f(n.X)
			}
		}
	})
}

// implicit reports whether a method is called with the address of a value.
func (u *unit) implicit(n *ast.SelectorExpr) bool {
	s := u.info.Selections[n]
	if s == nil || s.Kind() != types.MethodVal {
		return false
	}
	recv := s.Obj().(*types.Func).Signature().Recv().Type()
	_, byPointer := recv.(*types.Pointer)
	_, isPointer := s.Recv().Underlying().(*types.Pointer)
	return byPointer && !isPointer && !s.Indirect()
}
