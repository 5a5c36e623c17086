package policy

import (
	"go/ast"
	"go/types"
	"slices"
)

// names looks at the names of other packages, whatever they are called here: what counts is what
// they mean.
func (u *unit) names() {
	u.uses(func(id *ast.Ident, obj types.Object) {
		if why := methods[id.Name]; why != "" {
			u.add(id, RuleName, id.Name, why)
		}
		if !u.foreign(obj) {
			return
		}
		path := obj.Pkg().Path()
		if p, some := partly[path]; some && global(obj) && !p.allows(obj.Name()) {
			e := u.whole(id)
			u.add(e, RuleName, types.ExprString(e), p.because(obj.Name()))
		}
		if why := members[member(obj)]; why != "" {
			u.add(id, RuleName, "."+id.Name, why)
		}
		if why := huntNames[fullName(obj)]; u.src.Hunt && why != "" {
			u.add(id, RuleName, types.ExprString(u.whole(id)), why)
		}
	})
	u.each(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.Ident:
			// one that is declared, such as in an interface
			if why := methods[n.Name]; why != "" && u.info.Uses[n] == nil {
				u.add(n, RuleName, n.Name, why)
			}
		case *ast.InterfaceType:
			u.hiding(n)
		case *ast.FuncDecl:
			if n.Body == nil {
				u.add(n, RuleCgo, "func "+n.Name.Name+" without a body", "labs are written in Go alone")
			}
		}
	})
	u.reaching()
	u.executed()
	u.callers()
}

// member is a method as "package.Type.Method", or "".
func member(obj types.Object) string {
	f, ok := obj.(*types.Func)
	if !ok || f.Signature().Recv() == nil {
		return ""
	}
	named := namedOf(f.Signature().Recv().Type())
	if named == nil {
		return ""
	}
	return typeName(named) + "." + f.Name()
}

// fullName is what is declared at the top of a package as "package.Name", and a method as member
// has it.
func fullName(obj types.Object) string {
	if global(obj) {
		return obj.Pkg().Path() + "." + obj.Name()
	}
	return member(obj)
}

// namedOf is the named type of a value or of what it points to, or nil.
func namedOf(t types.Type) *types.Named {
	if t == nil {
		return nil
	}
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, _ := t.(*types.Named)
	return n
}

// typeName is a named type as "package.Type".
func typeName(n *types.Named) string {
	obj := n.Origin().Obj()
	if obj.Pkg() == nil {
		return obj.Name()
	}
	return obj.Pkg().Path() + "." + obj.Name()
}

// hiding looks at an interface, whose methods can be called on whatever has them.
func (u *unit) hiding(n *ast.InterfaceType) {
	t, ok := u.info.TypeOf(n).(*types.Interface)
	if !ok {
		return
	}
	for m := range t.Methods() {
		if test := hidden[m.Name()]; test != nil && !u.foreign(m) && test(m.Signature()) {
			u.add(n, RuleName, "an interface with "+m.Name(),
				"a value of another package could have this method, which is not allowed")
		}
	}
}

// reaching looks at what a package that calls methods by their names, as text, could call.
func (u *unit) reaching() {
	by := u.importsOneOf(append(slices.Clone(templates), "reflect"))
	u.each(func(n ast.Node) {
		e, ok := n.(ast.Expr)
		if !ok || !u.info.Types[e].IsValue() {
			return
		}
		named := namedOf(u.info.TypeOf(e))
		if named == nil {
			return
		}
		why := denied[typeName(named)]
		if by != "" && typeName(named) == "log.Logger" {
			why = "package " + by + " can call any method, also those that end the process: use log/slog"
		}
		if why != "" {
			u.addUnless(n, RuleName, types.ExprString(e), why)
		}
	})
}

// importsOneOf is the last import that is among these paths, or "".
func (u *unit) importsOneOf(paths []string) (path string) {
	for _, p := range u.pkg.Imports() {
		if slices.Contains(paths, p.Path()) {
			path = p.Path()
		}
	}
	return path
}
