package mutate

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
)

// file is one of the reference, with its types.
type file struct {
	name string
	data []byte
	bare []byte // without comments: spaces stand in their places
	set  *token.FileSet
	tree *ast.File
	info *types.Info
}

// checker knows whether source compiles.
type checker struct {
	ref   Reference
	set   *token.FileSet
	lib   types.Importer
	files map[string]*file // those of Files and of Given
	pkgs  map[string]*types.Package
}

func newChecker(r Reference) (*checker, error) {
	c := &checker{ref: r, set: token.NewFileSet(), files: map[string]*file{},
		pkgs: map[string]*types.Package{}}
	c.lib = importer.ForCompiler(c.set, "gc", c.export)
	for _, some := range []map[string][]byte{r.Files, r.Given} {
		for name, data := range some {
			f, err := c.read(name, data)
			if err != nil {
				return nil, err
			}
			c.files[name] = f
		}
	}
	for name := range r.Files {
		if _, err := c.Import(path.Join(r.Path, path.Dir(name))); err != nil {
			return nil, fmt.Errorf("the reference does not compile: %w", err)
		}
	}
	return c, nil
}

func (c *checker) read(name string, data []byte) (*file, error) {
	tree, err := parser.ParseFile(c.set, name, data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("the reference is no Go: %w", err)
	}
	f := &file{name: name, data: data, bare: slices.Clone(data), set: c.set, tree: tree,
		info: newInfo()}
	for _, group := range tree.Comments {
		for i := f.offset(group.Pos()); i < f.offset(group.End()); i++ {
			if f.bare[i] != '\n' {
				f.bare[i] = ' '
			}
		}
	}
	return f, nil
}

func newInfo() *types.Info {
	return &types.Info{Types: map[ast.Expr]types.TypeAndValue{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}}
}

// export opens the file with the types of a package.
func (c *checker) export(path string) (io.ReadCloser, error) {
	return os.Open(c.ref.Exports[path])
}

// Import gives the types of a package: the reference's own are read from its source.
func (c *checker) Import(name string) (*types.Package, error) {
	if pkg := c.pkgs[name]; pkg != nil {
		return pkg, nil
	}
	dir, own := strings.CutPrefix(name, c.ref.Path)
	if !own || dir != "" && dir[0] != '/' {
		return c.lib.Import(name)
	}
	info := newInfo()
	var trees []*ast.File
	for _, f := range c.beside(path.Join(".", dir)) {
		f.info, trees = info, append(trees, f.tree)
	}
	pkg, err := c.config().Check(name, c.set, trees, info)
	if err != nil {
		return nil, err
	}
	c.pkgs[name] = pkg
	return pkg, nil
}

func (c *checker) config() *types.Config {
	return &types.Config{Importer: c, GoVersion: "go" + c.ref.Go,
		Sizes: types.SizesFor("gc", runtime.GOARCH)}
}

// beside are the files in a folder, in the order of their names.
func (c *checker) beside(dir string) (files []*file) {
	for name, f := range c.files {
		if path.Dir(name) == dir {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b *file) int { return strings.Compare(a.name, b.name) })
	return files
}

// compilable gives a changed file as it compiles, or nil: imports that are of no more use go. As
// blank ones they would be refused by the rules for a submission's source, and so never be judged.
func (c *checker) compilable(f *file, source []byte) []byte {
	for range 1 + len(f.tree.Imports) {
		err := c.check(f, source)
		if err == nil {
			return source
		}
		var wrong types.Error
		if !errors.As(err, &wrong) || !strings.Contains(wrong.Msg, " imported ") ||
			!strings.HasSuffix(wrong.Msg, " and not used") {
			return nil
		}
		source = withoutImport(source, wrong.Fset.Position(wrong.Pos).Offset)
	}
	return nil
}

// withoutImport removes the import that stands at an offset, and its line where it is its own.
func withoutImport(source []byte, at int) []byte {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, "", source, parser.ImportsOnly)
	if err != nil {
		return source
	}
	for _, decl := range tree.Decls {
		imports := decl.(*ast.GenDecl)
		for _, spec := range imports.Specs {
			if set.Position(spec.Pos()).Offset != at {
				continue
			}
			gone := ast.Node(spec)
			if len(imports.Specs) == 1 {
				gone = imports
			}
			return withoutSpec(source, set.Position(gone.Pos()).Offset, set.Position(gone.End()).Offset)
		}
	}
	return source
}

// withoutSpec removes a part of a list, with the line or the semicolon that ends it.
func withoutSpec(source []byte, from, to int) []byte {
	before, behind := source[:from], source[to:]
	begin, end := lines(source, from, to)
	switch rest := bytes.TrimLeft(behind, " \t"); {
	case len(bytes.TrimSpace(source[begin:from])) == 0 && len(bytes.TrimSpace(source[to:end])) == 0:
		before, behind = source[:begin], source[min(end+1, len(source)):]
	case len(rest) > 0 && rest[0] == ';':
		behind = rest[1:]
	default:
		before = bytes.TrimRight(before, "; \t")
	}
	return slices.Concat(before, behind)
}

// check type-checks the package of a file that has become another one.
func (c *checker) check(f *file, source []byte) error {
	set := token.NewFileSet()
	dir := path.Dir(f.name)
	var trees []*ast.File
	for _, other := range c.beside(dir) {
		data := other.data
		if other == f {
			data = source
		}
		tree, err := parser.ParseFile(set, other.name, data, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		trees = append(trees, tree)
	}
	_, err := c.config().Check(path.Join(c.ref.Path, dir), set, trees, nil)
	return err
}
