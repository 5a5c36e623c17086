package compile

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// checkFile is a test file that lies in a lab's folder.
type checkFile struct {
	name  string
	pkg   string
	ours  []string // the tests in it that lab.yaml names
	alien []string // and those that it does not
	err   error    // why it cannot be parsed
}

// belongs reports whether it is the lab's as it is: in the external test package, and without a
// test that lab.yaml does not name, such as TestMain. A file with none of the lab's tests may be a
// helper of theirs.
func (f checkFile) belongs() bool {
	return f.err == nil && strings.HasSuffix(f.pkg, "_test") && len(f.alien) == 0
}

// readChecks looks at what else lies in the lab's folder: it hashes the checks and the given files,
// and drops what the go command would take besides. A learner's own tests lie beside the checks and
// are none of the runner's business. If a check or a given file is missing then, p.broken says
// which file has been touched; the error is that of reading alone.
func (p *plan) readChecks(h hash.Hash) error {
	var files []checkFile
	given := map[string]bool{}
	err := filepath.WalkDir(p.req.Lab.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fault.Of("read the checks", err)
		}
		rel, err := filepath.Rel(p.req.Lab.Dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		isTest := p.req.Hunt == "" && strings.HasSuffix(name, "_test.go") &&
			!strings.Contains(name, "/")
		isGiven := slices.Contains(p.req.Lab.Given, name)
		switch ignored := course.Ignored(d.Name()) && name != "."; {
		case ignored && d.IsDir():
			return filepath.SkipDir
		case ignored, d.IsDir():
			return nil
		case p.req.Lab.Stray(name), (isTest || isGiven) && !isRegular(path):
			p.dropped = append(p.dropped, path)
			return nil
		case !isTest && !isGiven:
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return fault.Of("read the checks", err)
		}
		given[name] = isGiven
		if isTest {
			f := parseChecks(p.req.Lab, name, data)
			files = append(files, f)
			if !f.belongs() && (isGiven || len(f.ours) == 0 && f.err == nil) {
				p.dropped = append(p.dropped, path)
				return nil
			}
		}
		addFile(h, name, data)
		return nil
	})
	if err == nil {
		p.judgeGiven(given)
	}
	switch {
	case err != nil:
	case p.req.Hunt != "":
		err = p.readHunt(h)
	default:
		p.judgeChecks(files)
	}
	return err
}

// judgeGiven notes a given file that is not there.
func (p *plan) judgeGiven(given map[string]bool) {
	for _, file := range p.req.Lab.Given {
		if !given[file] {
			p.broken = newCourseError(p.req.Lab, file+", which lab.yaml gives, is not there",
				checkout(p.req.Lab, file))
		}
	}
}

// isRegular follows links: what an editor or an operating system leaves may be a link to nowhere.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// parseChecks finds the tests of a file, as far as it can be parsed.
func parseChecks(l *course.Lab, name string, data []byte) checkFile {
	parsed, err := parser.ParseFile(token.NewFileSet(), name, data, parser.SkipObjectResolution)
	f := checkFile{name: name, err: err}
	if parsed == nil {
		return f
	}
	if parsed.Name != nil {
		f.pkg = parsed.Name.Name
	}
	for _, decl := range parsed.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		switch {
		case !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test"):
		case l.Check(fn.Name.Name) != nil:
			f.ours = append(f.ours, fn.Name.Name)
		default:
			f.alien = append(f.alien, fn.Name.Name)
		}
	}
	return f
}

// judgeChecks sorts the test files: those of the lab, which must have every check just once, and
// those that are dropped.
func (p *plan) judgeChecks(files []checkFile) {
	l := p.req.Lab
	in := map[string]string{} // test → file
	for _, f := range files {
		if !f.belongs() {
			continue
		}
		p.pkg = f.pkg
		p.checks = append(p.checks, filepath.Join(l.Dir, f.name))
		for _, test := range f.ours {
			if other := in[test]; other != "" && p.broken == nil {
				p.broken = newCourseError(l, fmt.Sprintf("%s stands in %s and in %s", test, other,
					f.name), "remove the one that is not the course's")
			}
			in[test] = f.name
		}
	}
	missing := slices.IndexFunc(l.Checks, func(c course.Check) bool { return in[c.Test] == "" })
	if missing >= 0 {
		p.broken = touched(l, files, l.Checks[missing].Test)
		return
	}
	for _, f := range files { // all is there: what else there is, is the learner's own
		path := filepath.Join(l.Dir, f.name)
		if !f.belongs() && !slices.Contains(p.dropped, path) {
			p.dropped = append(p.dropped, path)
		}
	}
}

// touched says which file has been changed so that a check is missing: the one with most of the
// checks, else one that cannot be parsed.
func touched(l *course.Lab, files []checkFile, missing string) *CourseError {
	suspects := slices.DeleteFunc(slices.Clone(files), func(f checkFile) bool {
		return f.belongs() || len(f.ours) == 0 && f.err == nil
	})
	if len(suspects) == 0 {
		return newCourseError(l, "no file of labs/"+l.Slug+" has "+missing+", which lab.yaml names",
			checkout(l, "*_test.go"))
	}
	f := slices.MaxFunc(suspects, func(a, b checkFile) int {
		return cmp.Compare(len(a.ours),
			len(b.ours))
	})
	changed := f.name + " has been changed: "
	switch {
	case f.err != nil:
		return newCourseError(l, changed+firstError(f.err), checkout(l, f.name))
	case len(f.alien) > 0:
		return newCourseError(l, changed+f.alien[0]+" is not in lab.yaml",
			"move it to a file of its own (any name_test.go), or "+checkout(l, f.name)+
				"; the lab's author names it in lab.yaml")
	}
	return newCourseError(l, changed+"its package is "+f.pkg+", not "+
		strings.TrimSuffix(f.pkg, "_test")+"_test", checkout(l, f.name))
}

// firstError is the first of what a parser found, as line:column: text.
func firstError(err error) string {
	if list, ok := err.(scanner.ErrorList); ok && len(list) > 0 {
		return fmt.Sprintf("%d:%d: %s", list[0].Pos.Line, list[0].Pos.Column, list[0].Msg)
	}
	return err.Error()
}

// checkout is how a file of the course comes back, and no other: the learner's own lie beside it.
func checkout(l *course.Lab, file string) string {
	path := "labs/" + l.Slug + "/" + file
	if strings.Contains(file, "*") {
		path = "'" + path + "'" // git's own pattern, which also finds what is gone
	}
	return "git checkout " + path
}
