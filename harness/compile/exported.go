package compile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// exportedVars are the names of the exported variables of a file, as far as it can be parsed.
func exportedVars(path string) map[string]bool {
	names := map[string]bool{}
	file, _ := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if file == nil {
		return names
	}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, spec := range d.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				names[name.Name] = name.IsExported()
			}
		}
	}
	return names
}

// watched are the exported variables of the package in a folder of the lab's that are both in the
// stub, and so belong to the lab's contract, and in the files under test. sources are as in [plan].
func (p *plan) watched(dir string) map[string]bool {
	stub, given := map[string]bool{}, map[string]bool{}
	for to, from := range p.sources {
		rel, err := filepath.Rel(p.req.Lab.Dir, to)
		if err != nil || filepath.Dir(to) != dir || !strings.HasSuffix(to, ".go") {
			continue
		}
		for name, exported := range exportedVars(filepath.Join(p.req.Lab.StubDir(), rel)) {
			stub[name] = exported
		}
		for name := range exportedVars(from) {
			given[name] = true
		}
	}
	both := map[string]bool{}
	for name, exported := range stub {
		if exported && given[name] {
			both[name] = true
		}
	}
	return both
}
