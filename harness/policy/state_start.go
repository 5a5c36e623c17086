package policy

import (
	"go/ast"
	"go/types"
)

// starting looks at what is put into values of types that are still while the package is
// initialised: the handler of a logger, the functions of a template. Nobody sees it by the type of
// the variable that has it in the end.
func (s *state) starting() {
	seen := map[ast.Node]bool{}
	for _, u := range s.units {
		u.each(func(n ast.Node) {
			if call, ok := n.(*ast.CallExpr); ok && s.begins(u, call, nil) {
				s.started(u, call, seen)
			}
		})
	}
}

// started looks at a call while the package is initialised, and at those in the function that it
// calls, or has sync.OnceValue call later.
func (s *state) started(u *unit, call *ast.CallExpr, seen map[ast.Node]bool) {
	other, body := s.function(u, call.Fun)
	if f := u.callee(call); f != nil && u.foreign(f) {
		name := functionName(f.Origin())
		if holding[name] {
			s.holds(u, call)
		}
		if onces[name] {
			other, body = s.function(u, call.Args[0])
		}
	}
	if body == nil || seen[body] {
		return
	}
	seen[body] = true
	ast.Inspect(body, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			s.started(other, c, seen)
		}
		return true
	})
}

// holds looks at the arguments of a call that puts them where they are not seen.
func (s *state) holds(u *unit, call *ast.CallExpr) {
	from := types.ExprString(call.Fun)
	ok := true
	c := &converter{unit: u, f: func(e ast.Expr, _, to types.Type) {
		ok = ok && s.keepsNothing(u, e, to, from)
	}}
	c.call(call)
	if !ok {
		u.addUnless(call, RuleState, from+" with what may keep something", whyState)
	}
}
