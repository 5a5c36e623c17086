package compile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// checkFiles are the files of a lab's checks, as they are linked with the variants of a family.
type checkFiles struct {
	set   *token.FileSet
	files []*checkSource
}

type checkSource struct {
	path   string
	data   []byte
	parsed *ast.File
}

func readCheckFiles(paths []string) (*checkFiles, error) {
	c := &checkFiles{set: token.NewFileSet()}
	for _, name := range paths {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fault.Of("read the checks", err)
		}
		parsed, err := parser.ParseFile(c.set, name, data, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		c.files = append(c.files, &checkSource{name, data, parsed})
	}
	return c, nil
}

// only gives the files as they are without what these tests do not need: other tests, and the
// functions and types that only those use. What stays keeps its place, line and column, so that it
// is compiled to the same. ok is false where that cannot be told from the syntax alone.
func (c *checkFiles) only(tests []string) (texts map[string][]byte, ok bool) {
	needed := c.needed(tests)
	texts = map[string][]byte{}
	for _, f := range c.files {
		text := slices.Clone(f.data)
		var left []ast.Decl
		for _, decl := range f.parsed.Decls {
			if needed[decl] {
				left = append(left, decl)
			} else {
				c.blank(text, decl)
			}
		}
		if text, ok = c.unused(f, text, packagesIn(left)); !ok {
			return nil, false
		}
		texts[f.path] = text
	}
	return texts, true
}

// needed are the declarations that the tests need, by the names in them. What the package does when
// it is initialised always stays.
func (c *checkFiles) needed(tests []string) map[ast.Decl]bool {
	byName := map[string][]ast.Decl{}
	var todo []ast.Decl
	for _, f := range c.files {
		for _, decl := range f.parsed.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if d.Recv != nil {
					name = receiver(d.Recv.List[0].Type)
				}
				byName[name] = append(byName[name], d)
				if d.Recv == nil && (name == "init" || slices.Contains(tests, name)) {
					todo = append(todo, d)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if t, ok := spec.(*ast.TypeSpec); ok {
						byName[t.Name.Name] = append(byName[t.Name.Name], d)
					}
				}
				if d.Tok != token.TYPE {
					todo = append(todo, d)
				}
			}
		}
	}
	needed := map[ast.Decl]bool{}
	for len(todo) > 0 {
		decl := todo[0]
		if todo = todo[1:]; needed[decl] {
			continue
		}
		needed[decl] = true
		ast.Inspect(decl, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				todo = append(todo, byName[id.Name]...)
			}
			return true
		})
	}
	return needed
}

// receiver is the name of a method's type.
func receiver(e ast.Expr) (name string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

// blank puts spaces in the place of a declaration and of its comment.
func (c *checkFiles) blank(text []byte, decl ast.Decl) {
	begin := decl.Pos()
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc != nil {
			begin = d.Doc.Pos()
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			begin = d.Doc.Pos()
		}
	}
	file := c.set.File(begin)
	for i := file.Offset(begin); i < file.Offset(decl.End()); i++ {
		if text[i] != '\n' {
			text[i] = ' '
		}
	}
}

// packagesIn are the names before the dots in some declarations: those of packages are among them.
func packagesIn(decls []ast.Decl) map[string]bool {
	names := map[string]bool{}
	for _, decl := range decls {
		ast.Inspect(decl, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if id, ok := s.X.(*ast.Ident); ok && id.Obj == nil { // no variable
					names[id.Name] = true
				}
			}
			return true
		})
	}
	return names
}

// unused keeps the imports whose names are no longer there for their initialisers alone.
func (c *checkFiles) unused(f *checkSource, text []byte, left map[string]bool) ([]byte, bool) {
	before := packagesIn(f.parsed.Decls)
	for _, spec := range slices.Backward(f.parsed.Imports) {
		names := importedAs(spec)
		has := func(in map[string]bool) bool {
			return slices.ContainsFunc(names, func(name string) bool { return in[name] })
		}
		switch {
		case len(names) == 1 && names[0] == "_", has(left):
			continue
		case !has(before): // a dot, or a name that is not to be seen in the path
			return nil, false
		}
		file := c.set.File(spec.Pos())
		begin, end := file.Offset(spec.Path.Pos()), file.Offset(spec.Path.Pos())
		if spec.Name != nil {
			begin, end = file.Offset(spec.Name.Pos()), file.Offset(spec.Name.End())
		}
		text = slices.Replace(text, begin, end, []byte("_ ")...)
	}
	return text, true
}

var majorVersion = regexp.MustCompile(`^v\d+$`)

// importedAs are the names that a package may have where it is imported.
func importedAs(spec *ast.ImportSpec) []string {
	if spec.Name != nil {
		return []string{spec.Name.Name}
	}
	full, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return nil
	}
	base := path.Base(full)
	if majorVersion.MatchString(base) {
		base = path.Base(path.Dir(full))
	}
	base, _, _ = strings.Cut(base, ".")
	return []string{base, strings.TrimPrefix(base, "go-"), strings.TrimSuffix(base, "-go")}
}

// shape is what of a variant's files decides whether the checks compile with it: all that is
// declared, without the bodies of functions. "" stands for files that cannot be read.
func (p *plan) shape() string {
	var b strings.Builder
	for _, place := range p.places() {
		data, err := os.ReadFile(p.source(place))
		if err != nil {
			return ""
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, place, data, parser.SkipObjectResolution)
		if err != nil {
			return ""
		}
		b.WriteString(filepath.ToSlash(place) + "\n")
		at := set.File(file.Pos())
		for _, decl := range file.Decls {
			end := decl.End()
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				end, fn.Body = fn.Body.Pos(), nil
			}
			if d, ok := decl.(*ast.GenDecl); !ok || d.Tok != token.IMPORT {
				b.Write(data[at.Offset(decl.Pos()):at.Offset(end)])
				b.WriteByte('\n')
			}
		}
		named := packagesIn(file.Decls) // the bodies are gone
		for _, spec := range file.Imports {
			if slices.ContainsFunc(importedAs(spec), func(n string) bool { return named[n] }) {
				b.WriteString(spec.Path.Value + "\n")
			}
		}
	}
	return b.String()
}
