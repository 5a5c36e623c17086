package policy

import (
	"go/ast"
	"go/types"
)

// keepers are functions of the library that keep what they are given as an any, for whoever gave it.
var keepers = set(
	"(*container/list.List).InsertAfter", "(*container/list.List).InsertBefore",
	"(*container/list.List).PushBack", "(*container/list.List).PushFront",
	"(*sync.Map).CompareAndDelete", "(*sync.Map).CompareAndSwap", "(*sync.Map).Delete",
	"(*sync.Map).Load", "(*sync.Map).LoadAndDelete", "(*sync.Map).LoadOrStore", "(*sync.Map).Store",
	"(*sync.Map).Swap", "(*sync.Pool).Put", "(*sync/atomic.Value).CompareAndSwap",
	"(*sync/atomic.Value).Store", "(*sync/atomic.Value).Swap", "container/heap.Push",
	"context.WithValue",
)

// keeping are those that give it back.
var keeping = set(
	"(*container/list.List).Remove", "(*sync.Map).Load", "(*sync.Map).LoadAndDelete",
	"(*sync.Map).LoadOrStore", "(*sync.Map).Swap", "(*sync.Pool).Get", "(*sync/atomic.Value).Load",
	"(*sync/atomic.Value).Swap", "(context.Context).Value", "container/heap.Pop",
	"container/heap.Remove",
)

// kept follows values that come out of where the library keeps them as any, in a submission that
// keeps such of the checks' there. They are the checks' still: each is asserted to be of a type that
// it may have here, compared, or kept again.
type kept struct {
	*handed
	uses    map[types.Object][]*ast.Ident
	tainted map[types.Object]bool
}

// keeps reports whether an expression is given to something that keeps it: a keeper, or the Push of
// a heap of the submission's own, or what its Pop returns.
func (h *handed) keeps(e ast.Expr) bool {
	around, _ := h.above(e)
	switch p := around.(type) {
	case *ast.CallExpr:
		f := h.callee(p)
		return f != nil && p.Fun != e && (keepers[f.FullName()] || h.heaps(f, "Push"))
	case *ast.ReturnStmt:
		for n := h.parent[p]; n != nil; n = h.parent[n] {
			switch d := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.FuncDecl:
				f, ok := h.info.Defs[d.Name].(*types.Func)
				return ok && h.heaps(f, "Pop")
			}
		}
	}
	return false
}

// heaps reports whether f is that method of heap.Interface, of a type of the submission's own.
func (h *handed) heaps(f *types.Func, name string) bool {
	sig := f.Signature()
	if f.Name() != name || h.foreign(f) || sig.Recv() == nil {
		return false
	}
	if name == "Push" {
		return sig.Params().Len() == 1 && sig.Results().Len() == 0 && empty(sig.Params().At(0).Type())
	}
	return sig.Params().Len() == 0 && sig.Results().Len() == 1 && empty(sig.Results().At(0).Type())
}

// empty reports whether a type is an interface without methods.
func empty(t types.Type) bool {
	in, ok := t.Underlying().(*types.Interface)
	return ok && in.NumMethods() == 0
}

// follow looks at all that comes out.
func (h *handed) follow() {
	k := &kept{handed: h, uses: map[types.Object][]*ast.Ident{}, tainted: map[types.Object]bool{}}
	h.unit.uses(func(id *ast.Ident, obj types.Object) { k.uses[obj] = append(k.uses[obj], id) })
	h.each(k.source)
}

// source looks whether a node is where such a value comes out.
func (k *kept) source(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		f := k.callee(n)
		switch {
		case f == nil:
		case keeping[f.FullName()], k.heaps(f, "Pop"):
			k.use(n)
		case f.FullName() == "(*sync.Map).Range":
			if lit, ok := n.Args[0].(*ast.FuncLit); ok {
				k.params(lit.Type)
			} else {
				k.tell(n.Args[0])
			}
		}
	case *ast.SelectorExpr:
		if v, ok := k.info.Uses[n.Sel].(*types.Var); ok && v.IsField() && v.Name() == "Value" &&
			v.Pkg() != nil && v.Pkg().Path() == "container/list" {
			k.use(n)
		}
	case *ast.FuncDecl:
		if f, ok := k.info.Defs[n.Name].(*types.Func); ok && k.heaps(f, "Push") {
			k.params(n.Type)
		}
	}
}

func (k *kept) params(t *ast.FuncType) {
	for _, field := range t.Params.List {
		for _, name := range field.Names {
			k.variable(k.info.Defs[name])
		}
	}
}

// variable looks at what is done with a variable that has such a value.
func (k *kept) variable(obj types.Object) {
	if obj == nil || k.tainted[obj] || !empty(obj.Type()) {
		return
	}
	k.tainted[obj] = true
	for _, use := range k.uses[obj] {
		k.use(use)
	}
}

// use looks at what is done with such a value.
func (k *kept) use(e ast.Expr) {
	around, _ := k.above(e)
	switch p := around.(type) {
	case *ast.TypeAssertExpr:
		if p.Type == nil {
			k.switched(p)
			return
		}
		if k.own(k.info.TypeOf(p.Type)) {
			return
		}
	case *ast.BinaryExpr, *ast.ExprStmt:
		return
	case *ast.AssignStmt:
		if k.assigned(e, p.Lhs) {
			return
		}
	case *ast.ValueSpec:
		for _, name := range p.Names {
			k.variable(k.info.Defs[name])
		}
		return
	}
	if !k.keeps(e) {
		k.tell(e)
	}
}

// switched looks at what a type switch asks such a value for.
func (k *kept) switched(assert *ast.TypeAssertExpr) {
	s := k.parent[assert]
	for ; s != nil; s = k.parent[s] {
		if _, ok := s.(*ast.TypeSwitchStmt); ok {
			break
		}
	}
	for _, c := range s.(*ast.TypeSwitchStmt).Body.List {
		clause := c.(*ast.CaseClause)
		for _, e := range clause.List {
			if t := k.info.TypeOf(e); t != types.Typ[types.UntypedNil] && !k.own(t) {
				k.tell(e)
			}
		}
		k.variable(k.info.Implicits[clause])
	}
}

// assigned looks at the variables that such a value is assigned to, and reports whether that is all
// that is done with it.
func (k *kept) assigned(e ast.Expr, lhs []ast.Expr) bool {
	for _, l := range lhs {
		if ast.Unparen(l) == e {
			return true // it gets another value
		}
	}
	for _, l := range lhs {
		if id, ok := l.(*ast.Ident); ok {
			k.variable(k.info.ObjectOf(id))
		} else if empty(k.info.TypeOf(l)) {
			return false
		}
	}
	return true
}

// own reports whether a value may be asserted to be of a type: one of the submission's own, or an
// interface that the checks' value has had here.
func (k *kept) own(t types.Type) bool {
	_, is := k.of(t)
	return is || !types.IsInterface(t)
}

func (k *kept) tell(e ast.Expr) {
	k.addUnless(e, RuleHanded, types.ExprString(e), "the checks' own values are kept there: assert it "+
		"to the type that it has here, and call that one's methods")
}
