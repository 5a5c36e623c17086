package hunt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// Tests are somebody's own tests of a lab.
type Tests struct {
	Lab   *course.Lab
	Names []string // in the order of the file
	Data  []byte   // the file
}

// Unfit says why there is nothing to hunt with.
type Unfit struct {
	Lab    *course.Lab
	Absent bool   // it is not about what stands in the file
	Line   int    // of course.HuntFile; 0 where it is about the whole
	Text   string // what is wrong, in one line
	Remedy string
}

func (e *Unfit) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", filepath.Base(course.HuntFile), e.Line, e.Text)
	}
	return e.Text
}

// Hint says what to do.
func (e *Unfit) Hint() string { return e.Remedy }

// Read reads the tests of a lab from a file. The error is an [*Unfit], or says why the file cannot
// be read.
func Read(l *course.Lab, path string) (*Tests, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Unfit{Lab: l, Absent: true,
			Text:   "there is no labs/" + l.Slug + "/" + course.HuntFile,
			Remedy: "labs hunt " + strings.ToLower(l.ID) + " --new makes a first one"}
	}
	if err != nil {
		return nil, fault.Of("read the tests", err)
	}
	return Parse(l, data)
}

// Parse looks at tests of a lab: at their text, and at what is to be run of them. The error is an
// [*Unfit].
func Parse(l *course.Lab, data []byte) (*Tests, error) {
	p := &reader{t: &Tests{Lab: l, Data: data}, set: token.NewFileSet()}
	file, err := parser.ParseFile(p.set, "", data, parser.SkipObjectResolution)
	if err != nil {
		return nil, p.syntax(err)
	}
	if err := p.pkg(file); err != nil {
		return nil, err
	}
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
			if err := p.function(fn); err != nil {
				return nil, err
			}
		}
	}
	if len(p.t.Names) == 0 {
		return nil, &Unfit{Lab: l, Text: course.HuntFile + " has no test",
			Remedy: "write one: func TestSomething(t *testing.T)"}
	}
	return p.t, nil
}

// syntax is the first thing that the parser has found.
func (p *reader) syntax(err error) error {
	u := &Unfit{Lab: p.t.Lab, Text: err.Error(), Remedy: "it is no Go yet: mend that line"}
	if list, ok := err.(scanner.ErrorList); ok && len(list) > 0 {
		u.Line, u.Text = list[0].Pos.Line, list[0].Msg
	}
	return u
}

type reader struct {
	t   *Tests
	set *token.FileSet
}

// unfit is an error about a place in the file.
func (p *reader) unfit(n ast.Node, remedy, format string, args ...any) error {
	return &Unfit{Lab: p.t.Lab, Line: p.set.PositionFor(n.Pos(), false).Line,
		Text: fmt.Sprintf(format, args...), Remedy: remedy}
}

// pkg demands the name that the package of the lab's checks has.
func (p *reader) pkg(file *ast.File) error {
	want, err := p.t.Lab.CheckPackage()
	if err != nil || file.Name.Name == want {
		return err
	}
	return p.unfit(file.Name, "write: package "+want,
		"the package is called %s, not %s as that of the lab's checks", file.Name.Name, want)
}

// function takes a test, and refuses what would take the place of the runner's own.
func (p *reader) function(fn *ast.FuncDecl) error {
	name := fn.Name.Name
	switch {
	case name == "TestMain":
		return p.unfit(fn, "take it out: each test runs in a process of its own, which labs begins "+
			"and ends", "there is a TestMain")
	case !isTest(name):
		return nil
	case !takesT(fn.Type):
		return p.unfit(fn, "write: func "+name+"(t *testing.T)", "%s is no test: it does not take a "+
			"*testing.T alone", name)
	}
	p.t.Names = append(p.t.Names, name)
	return nil
}

// isTest reports whether the go command takes a function of this name for a test.
func isTest(name string) bool {
	rest, ok := strings.CutPrefix(name, "Test")
	first, _ := utf8.DecodeRuneInString(rest)
	return ok && !unicode.IsLower(first)
}

// takesT reports whether a function has one parameter, a pointer to some T, and gives nothing.
func takesT(fn *ast.FuncType) bool {
	if fn.TypeParams != nil || fn.Results != nil || len(fn.Params.List) != 1 ||
		len(fn.Params.List[0].Names) > 1 {
		return false
	}
	pointer, ok := fn.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	t, ok := pointer.X.(*ast.SelectorExpr)
	return ok && t.Sel.Name == "T"
}

// SHA256 is the hash of the file.
func (t *Tests) SHA256() string {
	sum := sha256.Sum256(t.Data)
	return hex.EncodeToString(sum[:])
}
