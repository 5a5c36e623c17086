package promise

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
)

// stub is a parsed Go file.
type stub struct {
	name string
	fset *token.FileSet
	said []passage
}

// fromComments gives the passages of the comments of a file's exported names. The package's own
// comment is an introduction and has none.
func fromComments(name string, src []byte) ([]passage, error) {
	s := &stub{name: name, fset: token.NewFileSet()}
	file, err := parser.ParseFile(s.fset, name, src,
		parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("a file of the stub is no Go: %w", err)
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Name.IsExported() && (decl.Recv == nil || exportedReceiver(decl.Recv)) {
				s.comment(decl.Doc, Promise)
			}
		case *ast.GenDecl:
			s.declaration(decl)
		}
	}
	return s.said, nil
}

// exportedReceiver reports whether a method is one of an exported type, generic or not.
func exportedReceiver(recv *ast.FieldList) bool {
	typ := recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.IndexExpr:
			typ = t.X
		case *ast.IndexListExpr:
			typ = t.X
		default:
			id, named := t.(*ast.Ident)
			return named && id.IsExported()
		}
	}
}

func (s *stub) declaration(decl *ast.GenDecl) {
	doc := decl.Doc // of all that is declared together, told once
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() {
				s.typ(spec, &doc)
			}
		case *ast.ValueSpec:
			if anyExported(spec.Names) {
				s.comment(doc, Definition)
				s.comment(spec.Doc, Definition)
				s.comment(spec.Comment, Definition)
				doc = nil
			}
		}
	}
}

// typ adds what is said of a type, of its fields and of its methods. What is said of an interface
// binds those who implement it, and that is not the learner.
func (s *stub) typ(spec *ast.TypeSpec, doc **ast.CommentGroup) {
	about, ofParts := Definition, Promise
	var parts *ast.FieldList
	switch t := spec.Type.(type) {
	case *ast.StructType:
		parts = t.Fields
	case *ast.InterfaceType:
		parts, about, ofParts = t.Methods, Given, Given
	}
	for _, c := range []*ast.CommentGroup{*doc, spec.Doc, spec.Comment} {
		s.comment(c, about)
	}
	*doc = nil
	if parts == nil {
		return
	}
	for _, f := range parts.List {
		if len(f.Names) == 0 || anyExported(f.Names) {
			s.comment(f.Doc, ofParts)
			s.comment(f.Comment, ofParts)
		}
	}
}

func anyExported(names []*ast.Ident) bool {
	for _, n := range names {
		if n.IsExported() {
			return true
		}
	}
	return false
}

// comment adds the passages of a comment. Code in it has none.
func (s *stub) comment(c *ast.CommentGroup, about Kind) {
	if c == nil {
		return
	}
	where := fmt.Sprintf("%s:%d", s.name, s.fset.Position(c.Pos()).Line)
	p := comment.Parser{LookupSym: func(_, name string) bool { return name != "" }}
	s.blocks(p.Parse(c.Text()).Content, where, about)
}

func (s *stub) blocks(all []comment.Block, where string, about Kind) {
	for i, b := range all {
		switch b := b.(type) {
		case *comment.Paragraph:
			leads := false
			if i+1 < len(all) {
				_, leads = all[i+1].(*comment.List)
			}
			s.said = append(s.said, passage{text: spoken(b.Text), where: where, leads: leads,
				about: about})
		case *comment.List:
			for _, item := range b.Items {
				s.blocks(item.Content, where, about)
			}
		}
		if about == Definition {
			about = Promise // a definition is the beginning of a comment
		}
	}
}

// spoken is the text of a paragraph of a comment.
func spoken(parts []comment.Text) (all letters) {
	for _, part := range parts {
		switch part := part.(type) {
		case comment.Plain:
			all = all.add(string(part), letter{})
		case comment.Italic:
			all = all.add(string(part), letter{})
		case *comment.Link:
			all = append(all, spoken(part.Text)...)
		case *comment.DocLink:
			all = append(all, spoken(part.Text)...)
		}
	}
	return all.folded()
}
