package hunt

import (
	"bytes"
	"errors"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/backend-labs/backend-labs/harness/course"
)

var firstTemplate = template.Must(template.New("").Parse(`// Package {{.Package}} hunts wrong answers of the lab {{.Lab.Title}}. "labs hunt {{.ID}}" holds these
// tests against correct solutions, on which they must pass, and against known wrong answers: each
// on which one of them fails is caught. Test what the contract promises, in README.md and in the
// comments of {{.File}}, one sentence after the other, and nothing else.
package {{.Package}}

import (
	"testing"

{{- if .Virtual}}

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
{{- else}}
{{end}}
	{{.Alias}} "{{.Path}}"
)

// TestFirst catches nothing yet.
func TestFirst(t *testing.T) {
{{- if .Virtual}}
	bubble.Run(t, func(t *testing.T) { // in virtual time: an hour of time.Sleep takes no time
		{{.Use}}
	})
{{- else}}
	{{.Use}}
{{- end}}
}
`))

// First writes a first file of tests for a lab, and returns its path. The error is an [*Unfit] if
// there is one already.
func First(c *course.Course, l *course.Lab) (path string, err error) {
	path = l.HuntPath()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", &Unfit{Lab: l, Absent: true,
			Text:   "there is a labs/" + l.Slug + "/" + course.HuntFile + " already",
			Remedy: "labs hunt " + strings.ToLower(l.ID) + " holds it against the wrong answers"}
	}
	text, err := first(c, l)
	if err != nil {
		return "", err
	}
	return path, write(path, text)
}

func first(c *course.Course, l *course.Lab) ([]byte, error) {
	pkg, err := l.CheckPackage()
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(pkg, "_test")
	alias, use := "_", "t.Log(\"nothing is tried yet\")"
	if api, ok := firstOf(l); ok {
		alias, use = name, "_ = "+name+"."+api+" // call it, and say by t.Errorf what you got and wanted"
	}
	real := slices.Contains(l.Needs(), course.NeedRealRedis) ||
		slices.Contains(l.Needs(), course.NeedPostgres)
	var out bytes.Buffer
	if err := firstTemplate.Execute(&out, map[string]any{"Package": pkg, "Lab": l, "Alias": alias,
		"ID": strings.ToLower(l.ID), "File": l.Files[0], "Virtual": !real, "Use": use,
		"Path": c.Module + "/labs/" + l.Slug}); err != nil {
		return nil, err
	}
	return format.Source(out.Bytes())
}

// firstOf is the first exported function of the lab that may stand for itself, if there is one.
func firstOf(l *course.Lab) (name string, ok bool) {
	dir, err := l.Stub()
	if err != nil {
		dir = l.Dir
	}
	for _, file := range l.Files {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, file), nil,
			parser.SkipObjectResolution)
		if err != nil || strings.Contains(file, "/") {
			continue
		}
		for _, decl := range parsed.Decls {
			if fn, isFunc := decl.(*ast.FuncDecl); isFunc && fn.Recv == nil &&
				fn.Name.IsExported() && fn.Type.TypeParams == nil {
				return fn.Name.Name, true
			}
		}
	}
	return "", false
}
