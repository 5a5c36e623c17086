package policy

import (
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
)

// Tests that hunt wrong answers are judged by what they say of solutions. They may use what tests
// use, and nothing by which they could see more of a solution than it does: its source, its binary,
// or where in a file something stands.

// huntKit are the packages of the kit that tests may use.
var huntKit = set("bubble", "expect", "faultproxy", "fleet", "httpwire", "lockstep", "memhttp", "pg", "proc",
	"secrecy", "sentinel", "timeline", "vredis")

// huntNot are packages that a lab may allow its solutions, and no test needs.
var huntNot = set("os", "os/signal", "syscall", "reflect", "runtime")

// huntNames are names that a test may not use, of packages that it may.
var huntNames = map[string]string{
	"net/http.Dir": whyFiles, "net/http.NewFileTransport": whyFiles, "net/http.ServeFile": whyFiles,
	"text/template.ParseFiles": whyFiles, "text/template.ParseGlob": whyFiles,
	"html/template.ParseFiles": whyFiles, "html/template.ParseGlob": whyFiles,
	"crypto/tls.LoadX509KeyPair":        whyFiles,
	"log/slog.Source":                   whyPlace,
	"text/template.Template.ParseFiles": whyFiles, "text/template.Template.ParseGlob": whyFiles,
	"html/template.Template.ParseFiles": whyFiles, "html/template.Template.ParseGlob": whyFiles,
}

const (
	whyFiles = "it reads files, and a test judges by what a solution does"
	whyPlace = "it tells where something stands, and a test judges by what a solution does"
)

// huntImport reports whether tests may import a package.
func huntImport(l *course.Lab, path string) bool {
	_, below, ours := strings.Cut(path, "/harness/kit/")
	switch {
	case huntNot[path]:
		return false
	case ours && huntKit[below], path == "testing", path == "testing/synctest",
		path == "net/http/httptest", path == "testing/iotest":
		return true
	case strings.HasSuffix(path, "/labs/"+l.Slug):
		return true
	}
	return defaultImports[path] || slices.Contains(l.Imports, path)
}
