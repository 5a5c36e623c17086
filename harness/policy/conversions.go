package policy

import (
	"go/ast"
	"go/token"
	"go/types"
)

// conversions calls f with every expression whose value goes where one of a certain type is wanted,
// which may be an interface, and with the two types.
func (u *unit) conversions(f func(e ast.Expr, from, to types.Type)) {
	c := &converter{unit: u, f: f}
	u.each(c.node)
}

type converter struct {
	*unit
	f func(e ast.Expr, from, to types.Type)
}

// value tells of a value of type from that goes where one of type to is wanted.
func (c *converter) value(e ast.Expr, from, to types.Type) {
	if from != nil && to != nil {
		c.f(e, from, to)
	}
}

// values does so for several at once, of which the one on the right may be a call or another
// expression with several results.
func (c *converter) values(right []ast.Expr, to func(i int) types.Type) {
	if len(right) == 1 {
		if tuple, ok := c.info.TypeOf(right[0]).(*types.Tuple); ok {
			for i := range tuple.Len() {
				c.value(right[0], tuple.At(i).Type(), to(i))
			}
			return
		}
	}
	for i, e := range right {
		c.value(e, c.info.TypeOf(e), to(i))
	}
}

func (c *converter) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		c.values(n.Rhs, func(i int) types.Type { return c.left(n.Lhs, i) })
	case *ast.ValueSpec:
		if n.Type != nil {
			c.values(n.Values, func(int) types.Type { return c.info.TypeOf(n.Type) })
		}
	case *ast.ReturnStmt:
		if sig := c.enclosing(n); sig != nil {
			c.values(n.Results, func(i int) types.Type { return at(sig.Results(), i) })
		}
	case *ast.SendStmt:
		if ch, ok := under[*types.Chan](c.info.TypeOf(n.Chan)); ok {
			c.value(n.Value, c.info.TypeOf(n.Value), ch.Elem())
		}
	case *ast.IndexExpr:
		if m, ok := under[*types.Map](c.info.TypeOf(n.X)); ok {
			c.value(n.Index, c.info.TypeOf(n.Index), m.Key())
		}
	case *ast.TypeAssertExpr:
		if n.Type != nil {
			c.value(n, c.info.TypeOf(n.X), c.info.TypeOf(n.Type))
		}
	case *ast.CallExpr:
		c.call(n)
	case *ast.CompositeLit:
		c.literal(n)
	case *ast.RangeStmt:
		c.ranged(n)
	case *ast.TypeSwitchStmt:
		c.switched(n)
	}
}

// left is the type of the i-th expression on the left.
func (c *converter) left(lhs []ast.Expr, i int) types.Type {
	if i < len(lhs) {
		return c.info.TypeOf(lhs[i])
	}
	return nil
}

func at(t *types.Tuple, i int) types.Type {
	if i < t.Len() {
		return t.At(i).Type()
	}
	return nil
}

func under[T types.Type](t types.Type) (T, bool) {
	if t == nil {
		var zero T
		return zero, false
	}
	u, ok := t.Underlying().(T)
	return u, ok
}

// enclosing is the signature of the function that a statement is in.
func (c *converter) enclosing(n ast.Node) *types.Signature {
	for ; n != nil; n = c.parent[n] {
		switch f := n.(type) {
		case *ast.FuncLit:
			sig, _ := under[*types.Signature](c.info.TypeOf(f))
			return sig
		case *ast.FuncDecl:
			if obj, ok := c.info.Defs[f.Name].(*types.Func); ok {
				return obj.Signature()
			}
		}
	}
	return nil
}

func (c *converter) call(n *ast.CallExpr) {
	fun := c.info.Types[n.Fun]
	if fun.IsType() {
		c.values(n.Args, func(int) types.Type { return fun.Type })
		return
	}
	sig, ok := under[*types.Signature](fun.Type)
	if !ok {
		return
	}
	last := sig.Params().Len() - 1
	c.values(n.Args, func(i int) types.Type {
		if !sig.Variadic() || i < last {
			return at(sig.Params(), i)
		}
		t := sig.Params().At(last).Type()
		if s, ok := under[*types.Slice](t); ok && n.Ellipsis == token.NoPos {
			return s.Elem()
		}
		return t
	})
}

func (c *converter) literal(n *ast.CompositeLit) {
	t := c.info.TypeOf(n)
	if p, ok := under[*types.Pointer](t); ok {
		t = p.Elem() // an element that is written without its &T
	}
	for i, e := range n.Elts {
		kv, keyed := e.(*ast.KeyValueExpr)
		if keyed {
			e = kv.Value
		}
		var to types.Type
		if s, ok := under[*types.Struct](t); ok {
			to = field(s, kv, i)
		} else if s, ok := under[*types.Slice](t); ok {
			to = s.Elem()
		} else if s, ok := under[*types.Array](t); ok {
			to = s.Elem()
		} else if m, ok := under[*types.Map](t); ok && keyed {
			to = m.Elem()
			c.value(kv.Key, c.info.TypeOf(kv.Key), m.Key())
		}
		c.value(e, c.info.TypeOf(e), to)
	}
}

// field is the type of the field that an element of a literal is for.
func field(s *types.Struct, kv *ast.KeyValueExpr, i int) types.Type {
	if kv == nil {
		if i < s.NumFields() {
			return s.Field(i).Type()
		}
		return nil
	}
	id, ok := kv.Key.(*ast.Ident)
	for f := range s.Fields() {
		if ok && f.Name() == id.Name {
			return f.Type()
		}
	}
	return nil
}

// ranged looks at a loop that assigns to what is there already.
func (c *converter) ranged(n *ast.RangeStmt) {
	if n.Tok != token.ASSIGN {
		return
	}
	key, value := elements(c.info.TypeOf(n.X))
	for _, x := range []struct {
		e    ast.Expr
		from types.Type
	}{{n.Key, key}, {n.Value, value}} {
		if x.e != nil {
			c.value(n.X, x.from, c.info.TypeOf(x.e))
		}
	}
}

// elements are the types that a loop over a value of type t gives.
func elements(t types.Type) (key, value types.Type) {
	if t == nil {
		return nil, nil
	}
	if p, ok := under[*types.Pointer](t); ok {
		t = p.Elem()
	}
	switch t := t.Underlying().(type) {
	case *types.Slice:
		return nil, t.Elem()
	case *types.Array:
		return nil, t.Elem()
	case *types.Map:
		return t.Key(), t.Elem()
	case *types.Chan:
		return t.Elem(), nil
	case *types.Signature:
		if yield, ok := under[*types.Signature](at(t.Params(), 0)); ok {
			return at(yield.Params(), 0), at(yield.Params(), 1)
		}
	}
	return nil, nil
}

// switched looks at the types that a type switch asks for.
func (c *converter) switched(n *ast.TypeSwitchStmt) {
	var x ast.Expr
	switch s := n.Assign.(type) {
	case *ast.ExprStmt:
		x = s.X
	case *ast.AssignStmt:
		x = s.Rhs[0]
	}
	assert, ok := x.(*ast.TypeAssertExpr)
	if !ok {
		return
	}
	for _, clause := range n.Body.List {
		for _, e := range clause.(*ast.CaseClause).List {
			c.value(assert.X, c.info.TypeOf(assert.X), c.info.TypeOf(e))
		}
	}
}
