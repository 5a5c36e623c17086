package policy

import (
	"go/ast"
	"go/types"
	"strings"
)

// sealed looks at what is written through pointers to the types that are sealed, and at the methods
// that change values of types that are still.
func (s *state) sealed() {
	for _, u := range s.units {
		u.places(func(e ast.Expr) { s.place(u, e) })
		u.each(func(n ast.Node) {
			switch n := n.(type) {
			case *ast.Ident:
				s.instance(u, n)
			case *ast.SelectorExpr:
				s.changed(u, n)
				s.executed(u, n)
			}
		})
		u.conversions(func(e ast.Expr, from, to types.Type) { s.hidden(u, e, from, to) })
	}
}

// pointsTo returns the variable that may reach what a pointer of type t points to, or "".
func (s *state) pointsTo(t types.Type) string {
	if t == nil {
		return ""
	}
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		return s.oneOf(p.Constraint())
	}
	p, ok := t.Underlying().(*types.Pointer)
	if !ok {
		return ""
	}
	n, ok := types.Unalias(p.Elem()).(*types.Named)
	if !ok {
		return ""
	}
	return s.seals[n.Origin()]
}

// oneOf is that for a type parameter, by what it may be.
func (s *state) oneOf(constraint types.Type) string {
	in, ok := constraint.Underlying().(*types.Interface)
	if !ok {
		return ""
	}
	for e := range in.EmbeddedTypes() {
		if u, ok := e.(*types.Union); ok {
			for t := range u.Terms() {
				if name := s.pointsTo(t.Type()); name != "" {
					return name
				}
			}
			continue
		}
		if name := s.pointsTo(e); name != "" {
			return name
		}
	}
	return ""
}

// sharedBy returns the variable that may point to the same value of another package's type as a
// pointer of type t, and the name of that type, or "".
func (s *state) sharedBy(t types.Type) (from, name string) {
	if t == nil {
		return "", ""
	}
	p, ok := t.Underlying().(*types.Pointer)
	if !ok {
		return "", ""
	}
	n, ok := types.Unalias(p.Elem()).(*types.Named)
	if !ok {
		return "", ""
	}
	return s.shared[typeName(n)], typeName(n)
}

// place looks at an expression that is written to.
func (s *state) place(u *unit, e ast.Expr) {
	if s.begins(u, e, nil) {
		return
	}
	for x := e; x != nil; x = u.inner(x) {
		from := u.inner(x)
		if from == nil {
			return
		}
		if _, paren := x.(*ast.ParenExpr); paren {
			continue
		}
		name := s.pointsTo(u.info.TypeOf(from))
		if name == "" {
			name, _ = s.sharedBy(u.info.TypeOf(from))
		}
		if sel, ok := x.(*ast.SelectorExpr); ok && name == "" {
			name = embedded(u.info.Selections[sel], s.pointsTo)
		}
		if name != "" {
			u.addUnless(e, RuleState, name+" by "+types.ExprString(e), whyStill)
			return
		}
	}
}

// instance looks at a generic type or function of one's own, which writes through pointers without
// knowing the type.
func (s *state) instance(u *unit, id *ast.Ident) {
	in, ok := u.info.Instances[id]
	obj := u.info.Uses[id]
	if !ok || obj == nil || u.foreign(obj) || s.begins(u, id, nil) {
		return
	}
	for t := range in.TypeArgs.Types() {
		if name := s.generic(t, obj); name != "" {
			u.addUnless(id, RuleState, name+" by "+id.Name+" of "+
				types.TypeString(t, types.RelativeTo(u.pkg)), whyStill)
		}
		if n, ok := types.Unalias(t).(*types.Named); ok && s.seals[n.Origin()] != "" {
			u.addUnless(id, RuleState, s.seals[n.Origin()]+" by "+id.Name+" of "+
				types.TypeString(t, types.RelativeTo(u.pkg)), whyStill)
		}
	}
}

// generic returns the variable that points to another package's value that a generic type or function
// could change, of which t is an argument, or "".
func (s *state) generic(t types.Type, obj types.Object) string {
	if n, ok := types.Unalias(t).(*types.Named); ok {
		return s.shared[typeName(n)] // by a pointer to it
	}
	for _, params := range paramsOf(obj.Type()) {
		for p := range params.TypeParams() {
			in, ok := p.Constraint().Underlying().(*types.Interface)
			if !ok {
				continue
			}
			for m := range in.Methods() {
				if name := s.changer(t, m); name != "" {
					return name
				}
			}
		}
	}
	return ""
}

// changed looks at a method that changes a value of another package's type.
func (s *state) changed(u *unit, sel *ast.SelectorExpr) {
	f, ok := u.info.Uses[sel.Sel].(*types.Func)
	if !ok || f.Signature().Recv() == nil || s.begins(u, sel, nil) && u.calledAt(sel) {
		return
	}
	named := namedOf(f.Signature().Recv().Type())
	if named == nil {
		return
	}
	name := typeName(named)
	reached := s.others[name]
	if values[name] {
		reached = s.shared[name] != "" // of what is no pointer the variable itself is followed
	}
	if reached && changing[name][f.Name()] && !u.fresh(sel.X) {
		u.addUnless(sel, RuleState, types.ExprString(sel), "there is a variable of the package with a "+
			name+", which all instances share, and this could change it")
	}
}

// executed looks at what of an html/template tells whether it has been executed: its own tree and names
// are others then, and Clone fails. What is cloned is a variable with which nothing else is done.
func (s *state) executed(u *unit, sel *ast.SelectorExpr) {
	const page = "html/template.Template"
	x := u.info.Selections[sel]
	if x == nil || s.shared[page] == "" || s.begins(u, sel, nil) {
		return
	}
	of := x.Recv()
	if f, ok := x.Obj().(*types.Func); ok { // also of what is embedded
		of = f.Signature().Recv().Type()
	}
	if n := namedOf(of); n == nil || typeName(n) != page {
		return
	}
	switch sel.Sel.Name {
	default:
		return
	case "DefinedTemplates", "Templates", "Tree":
	case "Clone":
		if id, ok := ast.Unparen(sel.X).(*ast.Ident); ok && s.onlyCloned(u.info.Uses[id]) {
			return
		}
	}
	u.addUnless(sel, RuleState, types.ExprString(sel), "it tells whether the template has been executed, "+
		"which is the same for all instances: clone a variable that is only cloned")
}

// onlyCloned reports whether nothing else is done with a variable of the package, once it is there.
func (s *state) onlyCloned(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	if !ok || !global(v) {
		return false
	}
	for _, use := range s.uses[v] {
		sel, ok := use.u.parent[use.id].(*ast.SelectorExpr)
		if !s.begins(use.u, use.id, nil) && (!ok || sel.X != use.id || sel.Sel.Name != "Clone") {
			return false
		}
	}
	return true
}

// calledAt reports whether a method is called where it is named. If not, its value is taken, and called
// who knows when.
func (u *unit) calledAt(sel *ast.SelectorExpr) bool {
	around, inside := u.above(sel)
	call, ok := around.(*ast.CallExpr)
	return ok && call.Fun == inside
}

// fresh reports whether a value is made in the same expression, by a function of another package or
// by Clone.
func (u *unit) fresh(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	f := u.callee(call)
	if f == nil || !u.foreign(f) {
		return false
	}
	if f.Signature().Recv() == nil {
		return len(call.Args) == 0 || isString(u.info.TypeOf(call.Args[0])) || u.fresh(call.Args[0])
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	return f.Name() == "Clone" || ok && u.fresh(sel.X)
}

// hidden looks at a pointer to a sealed type that becomes an any and could be written by another
// package, such as encoding/json, or a pointer to another type.
func (s *state) hidden(u *unit, e ast.Expr, from, to types.Type) {
	if s.begins(u, e, nil) {
		return
	}
	name := s.pointsTo(from)
	if name == "" {
		s.hiddenShared(u, e, from, to)
		return
	}
	switch x := to.Underlying().(type) {
	case *types.Pointer:
		if s.pointsTo(to) == name {
			return
		}
	case *types.Interface:
		if _, param := types.Unalias(to).(*types.TypeParam); param || !x.Empty() || u.onlyRead(e) {
			return
		}
	default:
		return
	}
	u.addUnless(e, RuleState, name+" by "+types.ExprString(e)+" as "+
		types.TypeString(to, types.RelativeTo(u.pkg)), whyStill)
}

// hiddenShared looks at a value that becomes an interface, by which another package's value could be
// changed that a variable points to: by a method, or by what decodes into whatever it is given.
func (s *state) hiddenShared(u *unit, e ast.Expr, from, to types.Type) {
	in, ok := to.Underlying().(*types.Interface)
	if _, param := types.Unalias(to).(*types.TypeParam); !ok || param || types.IsInterface(from) {
		return
	}
	name, typ := s.sharedBy(from)
	changes := in.Empty() && decodes(typ) && !u.onlyRead(e)
	for m := range in.Methods() { // also of what is embedded
		if by := s.changer(from, m); by != "" {
			name, changes = by, true
		}
	}
	if name == "" && in.Empty() && u.decoded(e) {
		name = s.sharedIn(from, map[types.Type]bool{})
		changes = name != ""
	}
	if name != "" && changes {
		u.addUnless(e, RuleState, name+" by "+types.ExprString(e)+" as "+
			types.TypeString(to, types.RelativeTo(u.pkg)), whyStill)
	}
}

// changer returns the variable that points to another package's value, if that method of t is one that
// changes it, or "".
func (s *state) changer(t types.Type, m *types.Func) string {
	obj, _, _ := types.LookupFieldOrMethod(t, true, m.Pkg(), m.Name())
	f, ok := obj.(*types.Func)
	if !ok || f.Signature().Recv() == nil {
		return ""
	}
	n := namedOf(f.Signature().Recv().Type())
	if n == nil || !changing[typeName(n)][f.Name()] {
		return ""
	}
	return s.shared[typeName(n)]
}

// decodes reports whether values of a type can be decoded into.
func decodes(name string) bool {
	for method := range changing[name] {
		if strings.HasPrefix(method, "Unmarshal") {
			return true
		}
	}
	return false
}

// sharedIn finds a pointer to a value that can be decoded into, and that a variable points to, in
// what decoders go through.
func (s *state) sharedIn(t types.Type, seen map[types.Type]bool) string {
	if seen[t] {
		return ""
	}
	seen[t] = true
	if name, typ := s.sharedBy(t); name != "" && decodes(typ) {
		return name
	}
	switch x := t.Underlying().(type) {
	case *types.Pointer:
		return s.sharedIn(x.Elem(), seen)
	case *types.Slice:
		return s.sharedIn(x.Elem(), seen)
	case *types.Array:
		return s.sharedIn(x.Elem(), seen)
	case *types.Struct:
		for f := range x.Fields() {
			if name := s.sharedIn(f.Type(), seen); name != "" {
				return name
			}
		}
	}
	return ""
}

// decoded reports whether an expression is an argument of a function of another package that writes
// into what it is given.
func (u *unit) decoded(e ast.Expr) bool {
	f := u.argumentOf(e)
	if f == nil || !u.foreign(f) {
		return false
	}
	for _, verb := range []string{"Decode", "Fscan", "Read", "Scan", "Sscan", "Unmarshal"} {
		if strings.HasPrefix(f.Name(), verb) {
			return true
		}
	}
	return false
}

// onlyRead reports whether an expression is an argument of a function that only reads it. That of
// errors.As is a pointer to a pointer, which is no sealed one.
func (u *unit) onlyRead(e ast.Expr) bool {
	f := u.argumentOf(e)
	return f != nil && u.foreign(f) && reading[functionName(f.Origin())]
}
