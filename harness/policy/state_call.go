package policy

import (
	"go/ast"
	"go/types"
	"slices"
)

// call looks at a call that e is the function or an argument of.
func (f *flow) call(n *ast.CallExpr, e ast.Expr) {
	if ast.Unparen(n.Fun) == ast.Unparen(e) {
		f.walk(n, false) // what sync.OnceValue has kept
		return
	}
	t := f.u.info.TypeOf(e)
	i := slices.Index(n.Args, e)
	tv := f.u.info.Types[n.Fun]
	switch {
	case i < 0:
		return
	case tv.IsType():
		if to := tv.Type; types.IsInterface(to) {
			f.escapes(n, t, types.ExprString(n))
		} else {
			f.walk(n, false)
		}
		return
	case tv.IsBuiltin():
		f.builtin(n, i, t)
		return
	}
	if f.plain(t) {
		return
	}
	if lit, ok := ast.Unparen(n.Fun).(*ast.FuncLit); ok {
		f.argument(n, i, t, f.u.info.TypeOf(lit).(*types.Signature))
		return
	}
	fn := f.u.callee(n)
	switch {
	case fn == nil, !f.u.foreign(fn) && f.bodies[fn.Origin()] == nil:
		f.report(n, types.ExprString(n))
	case f.u.foreign(fn):
		f.read(n, fn, i, t)
	case f.expression(n) && i == 0:
		f.follow(fn.Origin().Signature().Recv(), f.from)
	case f.expression(n):
		f.argument(n, i-1, t, fn.Origin().Signature())
	default:
		f.argument(n, i, t, fn.Origin().Signature())
	}
}

// expression reports whether a call is of a method as T.Method, whose first argument is the receiver.
func (f *flow) expression(n *ast.CallExpr) bool {
	sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x := f.u.info.Selections[sel]
	return x != nil && x.Kind() == types.MethodExpr
}

// argument follows a value into the parameter of a function of the submission's own.
func (f *flow) argument(n *ast.CallExpr, i int, t types.Type, sig *types.Signature) {
	last := sig.Params().Len() - 1
	v := sig.Params().At(min(i, last))
	if elem, ok := under[*types.Slice](v.Type()); ok && sig.Variadic() && i >= last &&
		!n.Ellipsis.IsValid() && types.IsInterface(elem.Elem()) || !f.goesInto(v, t) {
		f.report(n, types.ExprString(n))
	}
}

// builtin looks at the i-th argument of a function of the language.
func (f *flow) builtin(n *ast.CallExpr, i int, t types.Type) {
	id, ok := ast.Unparen(n.Fun).(*ast.Ident)
	if !ok {
		return
	}
	_, elem := elements(t)
	switch id.Name {
	case "len", "cap", "min", "max", "print", "println", "make", "new":
		return
	case "append", "copy":
		if i > 0 && (f.plain(t) || n.Ellipsis.IsValid() || id.Name == "copy") && (elem == nil || f.plain(elem)) {
			return
		}
	default:
		if f.plain(t) {
			return
		}
	}
	f.report(n, types.ExprString(n))
}

// read looks at a value that a function of another package gets.
func (f *flow) read(n *ast.CallExpr, fn *types.Func, i int, t types.Type) {
	name := functionName(fn.Origin())
	isMethod := fn.Signature().Recv() != nil
	if !reading[name] && !(isMethod && fn.Name() == "Write") {
		f.report(n, types.ExprString(n))
		return
	}
	if key, elem := elements(t); elem != nil && !f.plain(elem) || key != nil && !f.plain(key) {
		f.deepRead(n)
	}
	f.methodsOf(t, map[types.Type]bool{})
	if isMethod && types.IsInterface(fn.Signature().Recv().Type()) {
		f.parameters(fn.Name(), i)
	}
	if _, elem := elements(t); aliasing[name] && elem != nil && !f.plain(elem) {
		f.walk(n, false)
	}
}

// aliasing are functions of reading whose results have what they got in them.
var aliasing = set("slices.Clone", "slices.Concat", "slices.Max", "slices.Min", "maps.Clone",
	"slices.MaxFunc", "slices.MinFunc", "slices.Repeat")

// deepRead looks at a call that gets maps or slices within maps or slices: nobody can follow those
// through a function that hands them to another, or into what it returns.
func (f *flow) deepRead(n *ast.CallExpr) {
	for _, arg := range n.Args {
		if _, ok := under[*types.Signature](f.u.info.TypeOf(arg)); ok {
			f.report(n, types.ExprString(n))
			return
		}
	}
	if t := f.u.info.TypeOf(n); t != nil {
		if _, ok := under[*types.Signature](t); ok { // an iterator
			f.report(n, types.ExprString(n))
		}
	}
}

// methodsOf follows the receivers of the methods of a type of one's own: whoever gets it in an
// interface may call them.
func (f *flow) methodsOf(t types.Type, seen map[types.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	if named := namedOf(t); named != nil && named.Obj().Pkg() != nil && f.in.own[named.Obj().Pkg()] {
		for m := range named.Origin().Methods() {
			if r := m.Signature().Recv(); !f.plain(r.Type()) {
				f.follow(r, f.from)
			}
		}
	}
	key, elem := elements(t)
	for _, x := range []types.Type{key, elem} {
		if x != nil {
			f.methodsOf(x, seen)
		}
	}
}

// parameters follows the i-th parameters of one's own methods of that name, which a call by an
// interface may be of.
func (f *flow) parameters(name string, i int) {
	for fn := range f.bodies {
		if fn.Name() == name && fn.Signature().Recv() != nil && i < fn.Signature().Params().Len() {
			f.follow(fn.Signature().Params().At(i), f.from)
		}
	}
}
