package compile

import (
	"fmt"
	"go/parser"
	"go/token"
	"hash"
	"os"
	"path"
	"path/filepath"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// A hunt's tests lie in a folder of their own below the lab's, and so in a package of their own,
// whichever of the lab's variants they are held against.

// pkgPath is the path of the package of the tests that judge, below the course.
func (p *plan) pkgPath() string {
	lab := path.Join("labs", p.req.Lab.Slug)
	if p.req.Hunt == "" {
		return lab
	}
	return path.Join(lab, path.Dir(course.HuntFile))
}

// name is what the go command calls the binary.
func (p *plan) name() string { return path.Base(p.pkgPath()) }

// home is the folder of the package of the tests that judge.
func (p *plan) home() string {
	if p.req.Hunt == "" {
		return p.req.Lab.Dir
	}
	return filepath.Dir(p.req.Lab.HuntPath())
}

// known is the path by which a file with tests is known to the compiler.
func (p *plan) known(file string) string {
	if p.req.Hunt == "" {
		return file
	}
	return p.req.Lab.HuntPath()
}

// folders are those that a build reads besides the course.
func (p *plan) folders() []string {
	if p.req.Hunt == "" {
		return []string{p.req.Dir}
	}
	return []string{p.req.Dir, filepath.Dir(p.req.Hunt)}
}

// readHunt reads the tests that judge in place of the checks, and drops what lies beside them.
func (p *plan) readHunt(h hash.Hash) error {
	data, err := os.ReadFile(p.req.Hunt)
	if err != nil {
		return fault.Of("read the tests", err)
	}
	fmt.Fprintln(h, course.HuntFile)
	addFile(h, course.HuntFile, data)
	file, err := parser.ParseFile(token.NewFileSet(), p.req.Hunt, data, parser.PackageClauseOnly)
	if err == nil { // else the compiler says it
		p.pkg = file.Name.Name
	}
	p.checks = []string{p.req.Hunt}
	beside, err := filepath.Glob(filepath.Join(p.home(), "*_test.go"))
	for _, other := range beside {
		if other != p.req.Lab.HuntPath() {
			p.dropped = append(p.dropped, other)
		}
	}
	return err
}
