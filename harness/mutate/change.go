package mutate

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// change is something to be done to a file.
type change struct {
	operator string
	at       token.Pos
	edits    []udiff.Edit
	aside    int    // how many of the last edits only make the others compile
	becomes  string // what to say of the result, where its lines do not show it
}

// replace is an edit of what lies between two places.
func (f *file) replace(from, to token.Pos, text string) udiff.Edit {
	return udiff.Edit{Start: f.offset(from), End: f.offset(to), New: text}
}

// remove is an edit that leaves nothing of a statement, nor of its lines where they are its own.
func (f *file) remove(n ast.Node) udiff.Edit {
	e := f.replace(n.Pos(), n.End(), "")
	begin, end := lines(f.bare, e.Start, e.End)
	alone := strings.TrimSpace(string(f.bare[begin:e.Start])+string(f.bare[e.End:end])) == ""
	if alone && end < len(f.data) {
		e.Start, e.End = begin, end+1
	}
	return e
}

func (f *file) offset(p token.Pos) int { return f.set.Position(p).Offset }

func (f *file) text(n ast.Node) string {
	return string(f.data[f.offset(n.Pos()):f.offset(n.End())])
}

func (f *file) bareText(from, to token.Pos) string {
	return string(f.bare[f.offset(from):f.offset(to)])
}

// lines widens a part of a text to whole lines, without the last line's end.
func lines(text []byte, from, to int) (begin, end int) {
	begin = strings.LastIndexByte(string(text[:from]), '\n') + 1
	if i := strings.IndexByte(string(text[to:]), '\n'); i >= 0 {
		return begin, to + i
	}
	return begin, len(text)
}

// words say what the changed lines were, and what has become of them.
func (f *file) words(c change) (was, becomes string, err error) {
	edits := slices.Clone(c.edits[:len(c.edits)-c.aside])
	udiff.SortEdits(edits)
	after, err := udiff.ApplyBytes(f.bare, edits)
	if err != nil {
		return "", "", err
	}
	var before, behind []string
	shift := 0
	for _, e := range edits {
		gone := max(e.Start, e.End-1) // a line that goes ends with its end, not with the next line
		if e.End == e.Start || f.bare[e.End-1] != '\n' {
			gone = e.End
		}
		from, to := lines(f.bare, e.Start, gone)
		before = append(before, abridged(f.bare[from:to]))
		if gone == e.End {
			from, to = lines(after, e.Start+shift, e.Start+shift+len(e.New))
			behind = append(behind, abridged(after[from:to]))
		}
		shift += len(e.New) - (e.End - e.Start)
	}
	becomes = c.becomes
	if becomes == "" {
		becomes = join(behind)
	}
	return join(before), becomes, nil
}

// join joins the words of several places, those of one line once.
func join(parts []string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(slices.Compact(parts), " … ")
}

// abridged is a text as one line: of more than two lines the first and the last.
func abridged(text []byte) string {
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(all) > 2 {
		all = []string{all[0], "…", all[len(all)-1]}
	}
	return OneLine(strings.Join(all, " "))
}

// OneLine is a text with one space for each piece of white space, as Was and Becomes are written.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// function names the one that a place lies in.
func (f *file) function(at token.Pos) string {
	for _, decl := range f.tree.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || at < fn.Pos() || at >= fn.End() {
			continue
		}
		if fn.Recv == nil || len(fn.Recv.List) == 0 {
			return fn.Name.Name
		}
		return receiver(fn.Recv.List[0].Type) + "." + fn.Name.Name
	}
	return ""
}

// receiver is the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
