package policy

import (
	"go/ast"
	"go/constant"
	"go/types"
)

// A logger can tell in which file and line whoever calls it stands: of code that is called by a check,
// in which check it is, and what it is asked. Nothing that is judged may know that.

const whyCaller = "it tells in which file and line its caller stands, which may be a check"

// The flags of package log that tell it.
const fileFlags = 1<<3 | 1<<4 // log.Llongfile, log.Lshortfile

// flagged are the functions that take flags of package log, and which argument they are.
var flagged = map[string]int{"log.New": 2, "log.Logger.SetFlags": 0}

// callers looks at loggers.
func (u *unit) callers() {
	u.uses(func(id *ast.Ident, obj types.Object) {
		if !u.foreign(obj) {
			return
		}
		e := u.whole(id)
		if at, takes := flagged[fullName(obj)]; takes && !u.plainFlags(e, at) {
			u.add(e, RuleName, types.ExprString(e),
				"its flags must be a constant without log.Lshortfile and log.Llongfile: "+whyCaller)
		}
		if v, ok := obj.(*types.Var); ok && v.IsField() && v.Name() == "AddSource" &&
			v.Pkg().Path() == "log/slog" && !u.isFalse(id) {
			u.add(e, RuleName, "slog.HandlerOptions.AddSource", whyCaller)
		}
	})
	u.each(func(n ast.Node) {
		lit, ok := n.(*ast.CompositeLit)
		if !ok || len(lit.Elts) == 0 {
			return
		}
		named := namedOf(u.info.TypeOf(lit))
		if named == nil || typeName(named) != "log/slog.HandlerOptions" {
			return
		}
		if _, keyed := lit.Elts[0].(*ast.KeyValueExpr); !keyed && !u.constantly(lit.Elts[0], false) {
			u.add(n, RuleName, "slog.HandlerOptions.AddSource", whyCaller)
		}
	})
}

// plainFlags reports whether a function is called, and with flags that are known and tell no place.
func (u *unit) plainFlags(fun ast.Expr, arg int) bool {
	above, inside := u.above(fun)
	call, ok := above.(*ast.CallExpr)
	if !ok || call.Fun != inside || len(call.Args) <= arg {
		return false
	}
	value := u.info.Types[call.Args[arg]].Value
	if value == nil {
		return false
	}
	flags, exact := constant.Int64Val(constant.ToInt(value))
	return exact && flags&fileFlags == 0
}

// isFalse reports whether the name of a field is the key of a false in a literal.
func (u *unit) isFalse(id *ast.Ident) bool {
	pair, ok := u.parent[id].(*ast.KeyValueExpr)
	return ok && pair.Key == id && u.constantly(pair.Value, false)
}

// constantly reports whether an expression is a constant of this value.
func (u *unit) constantly(e ast.Expr, want bool) bool {
	value := u.info.Types[e].Value
	return value != nil && value.Kind() == constant.Bool && constant.BoolVal(value) == want
}
