package mutate

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"

	"github.com/aymanbagabas/go-udiff"
)

// folded is the value of an expression of numbers, as it would be written.
func folded(lit *ast.BasicLit, text string) string {
	tv, err := types.Eval(token.NewFileSet(), nil, token.NoPos, text)
	if err != nil {
		return text
	}
	if lit.Kind == token.INT {
		return tv.Value.ExactString()
	}
	f, _ := constant.Float64Val(tv.Value)
	return strconv.FormatFloat(f, 'g', -1, 64)
}

var errorType = types.Universe.Lookup("error").Type()

// isError reports whether an expression is an error by its type.
func (f *file) isError(e ast.Expr) bool {
	t := f.info.TypeOf(e)
	return t != nil && types.AssignableTo(t, errorType) && !isNil(f.info.Types[e])
}

func isNil(tv types.TypeAndValue) bool { return tv.IsNil() }

// symmetric are functions to which the order of their arguments means nothing.
var symmetric = map[string]bool{"min": true, "max": true, "math.Min": true, "math.Max": true,
	"bytes.Equal": true, "maps.Equal": true, "slices.Equal": true, "reflect.DeepEqual": true,
	"strings.EqualFold": true, "bytes.EqualFold": true, "hmac.Equal": true,
	"subtle.ConstantTimeCompare": true}

// swaps exchanges two arguments that follow each other and are of one type.
func swaps(f *file, n ast.Node) (found []change) {
	call, ok := n.(*ast.CallExpr)
	if !ok || f.info.Types[call.Fun].IsType() || symmetric[f.text(call.Fun)] {
		return nil
	}
	for i := 1; i < len(call.Args); i++ {
		a, b := call.Args[i-1], call.Args[i]
		if s, t := f.info.TypeOf(a), f.info.TypeOf(b); s != nil && t != nil &&
			types.Identical(types.Default(s), types.Default(t)) && f.text(a) != f.text(b) {
			found = append(found, change{at: a.Pos(), edits: []udiff.Edit{
				f.replace(a.Pos(), a.End(), f.text(b)), f.replace(b.Pos(), b.End(), f.text(a))}})
		}
	}
	return found
}

// contexts hands on one that never ends, and knows nothing, in the place of what is handed on.
func contexts(f *file, n ast.Node) (found []change) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	for _, arg := range call.Args {
		t := f.info.TypeOf(arg)
		if t == nil || t.String() != "context.Context" || f.text(arg) == "context.Background()" {
			continue
		}
		c := change{at: arg.Pos(),
			edits: []udiff.Edit{f.replace(arg.Pos(), arg.End(), "context.Background()")}}
		if !f.imports(`"context"`) {
			end := f.tree.Name.End()
			c.edits = append(c.edits, f.replace(end, end, `; import "context"`))
			c.aside = 1
		}
		found = append(found, c)
	}
	return found
}

func (f *file) imports(path string) bool {
	for _, spec := range f.tree.Imports {
		if spec.Path.Value == path && spec.Name == nil {
			return true
		}
	}
	return false
}

// aliases hands on the original in the place of a copy.
func aliases(f *file, n ast.Node) []change {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	switch {
	case ok && sel.Sel.Name == "Clone" && len(call.Args) == 1: // slices, maps, bytes
		return one(f.replace(call.Pos(), call.End(), f.text(call.Args[0])))
	case ok && sel.Sel.Name == "Clone" && len(call.Args) == 0: // http.Header
		return one(f.replace(call.Pos(), call.End(), f.text(sel.X)))
	case f.text(call.Fun) == "append" && len(call.Args) == 2 && call.Ellipsis != token.NoPos &&
		f.empty(call.Args[0]):
		return one(f.replace(call.Pos(), call.End(), f.text(call.Args[1])))
	}
	return nil
}

// empty reports whether an expression is a nil or an empty slice, to which a copy is appended.
func (f *file) empty(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CompositeLit:
		return len(e.Elts) == 0
	case *ast.CallExpr:
		return len(e.Args) == 1 && f.text(e.Args[0]) == "nil"
	}
	return false
}

// equalities compares by identity what is to be compared by meaning.
func equalities(f *file, n ast.Node) []change {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	x, y := ast.Expr(nil), ast.Expr(nil)
	switch name := sel.Sel.Name; {
	case len(call.Args) == 2 && (f.text(sel) == "errors.Is" || name == "Equal" ||
		name == "EqualFold"):
		x, y = call.Args[0], call.Args[1]
	case len(call.Args) == 1 && name == "Equal": // time.Time
		x, y = sel.X, call.Args[0]
	default:
		return nil
	}
	return one(f.replace(call.Pos(), call.End(), "("+f.text(x)+" == "+f.text(y)+")"))
}
