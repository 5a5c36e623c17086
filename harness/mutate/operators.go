package mutate

import (
	"bytes"
	"go/ast"
	"go/token"
	"slices"

	"github.com/aymanbagabas/go-udiff"
)

// operators are the ways in which source is changed. Each looks at one node of the syntax tree, and
// leaves it to the types to find out what does not compile.
var operators = []struct {
	name string
	find func(f *file, n ast.Node) []change
}{
	{"bound moved", bounds},
	{"condition negated", negations},
	{"condition fixed", fixed},
	{"and, or exchanged", junctions},
	{"constant changed", constants},
	{"statement removed", statements},
	{"defer removed", defers},
	{"lock removed", locks},
	{"error returned as nil", swallowed},
	{"arguments swapped", swaps},
	{"else dropped", elses},
	{"loop left after the first round", rounds},
	{"context replaced", contexts},
	{"copy aliased", aliases},
	{"comparison by ==", equalities},
}

// changes are all that the operators find, in the order of the source.
func (f *file) changes() (all []change) {
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if n == nil {
			return true
		}
		for _, op := range operators {
			for _, c := range op.find(f, n) {
				c.operator = op.name
				if c.at == token.NoPos {
					c.at = n.Pos()
				}
				all = append(all, c)
			}
		}
		return true
	})
	return all
}

// one is a list of a single change that is a single edit.
func one(e udiff.Edit) []change { return []change{{edits: []udiff.Edit{e}}} }

// exchange puts another operator in the place of a binary expression's.
func (f *file) exchange(b *ast.BinaryExpr, op token.Token) []change {
	c := one(f.replace(b.OpPos, b.OpPos+token.Pos(len(b.Op.String())), op.String()))
	c[0].at = b.OpPos
	return c
}

var (
	moved = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS,
		token.GTR: token.GEQ, token.GEQ: token.GTR}
	negated = map[token.Token]token.Token{token.LSS: token.GEQ, token.GEQ: token.LSS,
		token.GTR: token.LEQ, token.LEQ: token.GTR, token.EQL: token.NEQ, token.NEQ: token.EQL}
	joined = map[token.Token]token.Token{token.LAND: token.LOR, token.LOR: token.LAND}
)

func bounds(f *file, n ast.Node) []change    { return f.exchanged(n, moved) }
func junctions(f *file, n ast.Node) []change { return f.exchanged(n, joined) }

// exchanged exchanges the operators that have another one to take their places.
func (f *file) exchanged(n ast.Node, by map[token.Token]token.Token) []change {
	if b, ok := n.(*ast.BinaryExpr); ok {
		if op, ok := by[b.Op]; ok {
			return f.exchange(b, op)
		}
	}
	return nil
}

// negations turn comparisons round, and whatever else stands as a condition or in one.
func negations(f *file, n ast.Node) (found []change) {
	found = f.exchanged(n, negated)
	for _, e := range truths(n) {
		switch e := ast.Unparen(e).(type) {
		case *ast.UnaryExpr:
			if e.Op == token.NOT {
				found = append(found, one(f.replace(e.Pos(), e.X.Pos(), ""))...)
			}
		case *ast.BinaryExpr:
		default:
			found = append(found, one(f.replace(e.Pos(), e.Pos(), "!"))...)
		}
	}
	return found
}

// truths are the expressions right below a node that are true or false.
func truths(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.IfStmt:
		return []ast.Expr{n.Cond}
	case *ast.ForStmt:
		if n.Cond != nil {
			return []ast.Expr{n.Cond}
		}
	case *ast.BinaryExpr:
		if joined[n.Op] != 0 {
			return []ast.Expr{n.X, n.Y}
		}
	}
	return nil
}

// fixed makes the condition of an if always true, and always false where there is no else: that one
// is dropped by an operator of its own.
func fixed(f *file, n ast.Node) []change {
	s, ok := n.(*ast.IfStmt)
	if !ok {
		return nil
	}
	found := f.prefixed(s.Cond, "true || ")
	if s.Else == nil {
		found = append(found, f.prefixed(s.Cond, "false && ")...)
	}
	return found
}

// prefixed puts something before an expression, in brackets where that binds more strongly.
func (f *file) prefixed(e ast.Expr, text string) []change {
	edits := []udiff.Edit{f.replace(e.Pos(), e.Pos(), text)}
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.LOR {
		edits[0].New += "("
		edits = append(edits, f.replace(e.End(), e.End(), ")"))
	}
	return []change{{edits: edits}}
}

// elses drop what is done otherwise.
func elses(f *file, n ast.Node) []change {
	if s, ok := n.(*ast.IfStmt); ok && s.Else != nil {
		c := one(f.replace(s.Body.End(), s.Else.End(), ""))
		c[0].at = s.Body.End()
		return c
	}
	return nil
}

// rounds leave a loop at the end of its first round.
func rounds(f *file, n ast.Node) []change {
	var body *ast.BlockStmt
	switch s := n.(type) {
	case *ast.ForStmt:
		body = s.Body
	case *ast.RangeStmt:
		body = s.Body
	}
	if body == nil || len(body.List) == 0 || terminates(body.List[len(body.List)-1]) {
		return nil
	}
	last := body.List[len(body.List)-1]
	c := one(f.replace(body.Lbrace, body.Lbrace+1, "{")) // so that the words are those of the header
	c[0].edits = append(c[0].edits, f.behind(last, body.Rbrace, "break"))
	c[0].aside, c[0].becomes = 1, OneLine(f.bareText(n.Pos(), body.Lbrace+1)+" … break }")
	return c
}

// behind puts a statement behind the last one of a block, on a line of its own unless the block is
// on one line.
func (f *file) behind(last ast.Stmt, brace token.Pos, text string) udiff.Edit {
	begin, end := lines(f.bare, f.offset(last.End()), f.offset(last.End()))
	if end > f.offset(brace) {
		return f.replace(last.End(), last.End(), "; "+text)
	}
	line := f.bare[begin:end]
	indent := line[:len(line)-len(bytes.TrimLeft(line, "\t "))]
	return udiff.Edit{Start: end, End: end, New: "\n" + string(indent) + text}
}

// terminates reports whether nothing that follows a statement is reached.
func terminates(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.BlockStmt:
		return slices.ContainsFunc(s.List, terminates)
	}
	return false
}
