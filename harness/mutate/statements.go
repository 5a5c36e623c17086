package mutate

import (
	"go/ast"
	"go/token"
	"slices"

	"github.com/aymanbagabas/go-udiff"
)

// statements removes, one at a time, those that stand in a list.
func statements(f *file, n ast.Node) (found []change) {
	for _, s := range listed(n) {
		switch s := s.(type) {
		case *ast.ExprStmt, *ast.AssignStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.GoStmt,
			*ast.BranchStmt, *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.SelectStmt:
			found = append(found, f.removed(s)...)
		case *ast.ReturnStmt:
			if len(s.Results) == 0 {
				found = append(found, f.removed(s)...)
			}
		}
	}
	return found
}

// listed are the statements right below a node.
func listed(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

func (f *file) removed(s ast.Stmt) []change {
	return []change{{at: s.Pos(), edits: []udiff.Edit{f.remove(s)}}}
}

// defers removes what is to be done at a function's end.
func defers(f *file, n ast.Node) []change {
	if s, ok := n.(*ast.DeferStmt); ok {
		return f.removed(s)
	}
	return nil
}

// unlocking are the methods that undo what others do.
var unlocking = map[string]string{"Lock": "Unlock", "RLock": "RUnlock"}

// locks removes a lock together with what unlocks it: every check finds one without the other.
func locks(f *file, n ast.Node) (found []change) {
	body := functionBody(n)
	if body == nil {
		return nil
	}
	for name, undo := range unlocking {
		for _, lock := range f.calls(body, name) {
			c := change{at: lock.Pos(), edits: []udiff.Edit{f.remove(lock)}}
			for _, s := range f.calls(body, undo) {
				if f.holder(s) == f.holder(lock) {
					c.edits = append(c.edits, f.remove(s))
				}
			}
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b change) int { return int(a.at - b.at) })
	return found
}

func functionBody(n ast.Node) *ast.BlockStmt {
	switch n := n.(type) {
	case *ast.FuncDecl:
		return n.Body
	case *ast.FuncLit:
		return n.Body
	}
	return nil
}

// calls are the statements of a function that call or defer a method of that name, without those of
// functions in it.
func (f *file) calls(body *ast.BlockStmt, method string) (found []ast.Stmt) {
	ast.Inspect(body, func(n ast.Node) bool {
		if s, ok := n.(ast.Stmt); ok {
			if sel := called(s); sel != nil && sel.Sel.Name == method {
				found = append(found, s)
			}
		}
		_, inner := n.(*ast.FuncLit)
		return !inner
	})
	return found
}

// called is the method that a statement does nothing but call, or defer.
func called(s ast.Stmt) *ast.SelectorExpr {
	var call ast.Expr
	switch s := s.(type) {
	case *ast.ExprStmt:
		call = s.X
	case *ast.DeferStmt:
		call = s.Call
	}
	if c, ok := call.(*ast.CallExpr); ok {
		sel, _ := c.Fun.(*ast.SelectorExpr)
		return sel
	}
	return nil
}

// holder is what a statement's method is called on, as it is written.
func (f *file) holder(s ast.Stmt) string { return f.text(called(s).X) }

// swallowed returns nil in the place of an error.
func swallowed(f *file, n ast.Node) (found []change) {
	body := functionBody(n)
	if body == nil {
		return nil
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if s, ok := n.(*ast.ReturnStmt); ok {
			for _, e := range s.Results {
				if id, _ := e.(*ast.Ident); f.isError(e) && (id == nil || id.Name != "nil") {
					found = append(found, change{at: e.Pos(),
						edits: []udiff.Edit{f.replace(e.Pos(), e.End(), "nil")}})
				}
			}
		}
		_, inner := n.(*ast.FuncLit)
		return !inner
	})
	return found
}

// constants moves a number by one in each direction, and makes it zero.
func constants(f *file, n ast.Node) (found []change) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.INT && lit.Kind != token.FLOAT {
		return nil
	}
	for _, text := range []string{"(" + lit.Value + " + 1)", "(" + lit.Value + " - 1)", "0"} {
		if near := folded(lit, text); near != lit.Value {
			found = append(found, one(f.replace(lit.Pos(), lit.End(), near))...)
		}
	}
	return found
}
