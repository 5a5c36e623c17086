// Package scaffold makes new labs: one that compiles, holds, and says of itself what is still to be
// written.
package scaffold

import (
	"cmp"
	"embed"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/backend-labs/backend-labs/harness/course"
)

// Lab is what a new lab is called.
type Lab struct {
	ID       string // such as B16
	Slug     string // in words, such as bounded-queue
	Title    string // "": made of the slug
	Question string // word for word; "": left to be written
}

var (
	idForm   = regexp.MustCompile(`^[BIA][0-9]{2}$`)
	slugForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
)

// Invalid says why a lab cannot be called so.
type Invalid struct{ Text, Remedy string }

func (e *Invalid) Error() string { return e.Text }

// Hint says what to do.
func (e *Invalid) Hint() string { return e.Remedy }

// check looks at the names, also against those that the course has.
func (l Lab) check(c *course.Course) error {
	switch {
	case !idForm.MatchString(l.ID):
		return &Invalid{fmt.Sprintf("%q is no id of a lab", l.ID),
			"an id is B, I or A for the level, and two digits: B16"}
	case !slugForm.MatchString(l.Slug):
		return &Invalid{fmt.Sprintf("%q is no slug of a lab", l.Slug),
			"a slug is words in small letters with hyphens between them: bounded-queue"}
	}
	if name := l.pkg(); token.IsKeyword(name) || slices.Contains(imported, name) {
		return &Invalid{fmt.Sprintf("no package can be called %s", name),
			"take a slug of two words"}
	}
	for _, other := range c.Labs {
		if other.ID == l.ID {
			return &Invalid{fmt.Sprintf("there is a lab %s: %s", l.ID, other.Slug),
				"take the next number that is free: " + free(c, l.ID[:1])}
		}
	}
	return nil
}

// pkg is the name of the lab's package.
func (l Lab) pkg() string { return strings.ReplaceAll(l.Slug, "-", "") }

// imported are the names by which the checks know other packages.
var imported = []string{"fmt", "testing", "expect"}

// free is the first id of a level that no lab has.
func free(c *course.Course, level string) string {
	taken := map[string]bool{}
	for _, l := range c.Labs {
		taken[l.ID] = true
	}
	for n := 1; n < 99; n++ {
		if id := fmt.Sprintf("%s%02d", level, n); !taken[id] {
			return id
		}
	}
	return level + "99"
}

//go:embed lab
var files embed.FS

// file is one that a lab consists of: where it lies, and by which template.
type file struct{ path, template string }

// files of a lab whose folder has that name, and whose one source file has the other.
func layout(folder, source string) []file {
	lab, solution := "labs/"+folder+"/", "solutions/"+folder+"/"
	return []file{
		{lab + "lab.yaml", "lab.yaml"}, {lab + "README.md", "README.md"},
		{lab + source, "stub.go"}, {lab + ".stub/" + source, "stub.go"},
		{lab + strings.TrimSuffix(source, ".go") + "_test.go", "checks_test.go"},
		{solution + source, "reference.go"}, {solution + "ANSWER.md", "ANSWER.md"},
		{solution + "mutants/stays.patch", "stays.patch"},
		{solution + "mutants/away-from-zero.patch", "away-from-zero.patch"},
		{solution + "alternatives/other-words/" + source, "alternative.go"},
	}
}

// Write makes the lab in the course, and returns the files that it has written, relative to the
// course's root. Nothing that is there is touched: the error is then an [*Invalid].
func (l Lab) Write(c *course.Course) (written []string, err error) {
	l.ID = strings.ToUpper(l.ID)
	if err := l.check(c); err != nil {
		return nil, err
	}
	folder := strings.ToLower(l.ID) + "-" + l.Slug
	for _, top := range []string{"labs", "solutions"} {
		if _, err := os.Lstat(filepath.Join(c.Root, top, folder)); err == nil {
			return nil, &Invalid{top + "/" + folder + " is there already", "take another slug, or remove it"}
		}
	}
	name := l.pkg()
	data := map[string]string{
		"ID": l.ID, "Title": cmp.Or(l.Title, title(l.Slug)), "Level": levels[l.ID[:1]],
		"Question": cmp.Or(l.Question, "TODO the question, word for word?"),
		"Package":  name, "File": name + ".go", "Module": kitModule,
		"Import": c.Module + "/labs/" + folder,
	}
	t, err := template.New("").Funcs(template.FuncMap{"yaml": scalar}).ParseFS(files, "lab/*.tmpl")
	if err != nil {
		return nil, err
	}
	for _, f := range layout(folder, name+".go") {
		if err := write(filepath.Join(c.Root, filepath.FromSlash(f.path)), t, f.template+".tmpl", data); err != nil {
			return written, err
		}
		written = append(written, f.path)
	}
	return written, nil
}

// kitModule is the module that has the kit.
const kitModule = "github.com/backend-labs/backend-labs"

var levels = map[string]string{"B": "beginner", "I": "intermediate", "A": "advanced"}

func write(path string, t *template.Template, name string, data any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = t.ExecuteTemplate(f, name, data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// plain matches texts that mean the same in YAML without quotes.
var plain = regexp.MustCompile(`^[A-Za-z][^:#]*$`)

// scalar is a text as YAML has it.
func scalar(text string) string {
	if plain.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}

// title makes "Bounded queue" of bounded-queue.
func title(slug string) string {
	text := strings.ReplaceAll(slug, "-", " ")
	return strings.ToUpper(text[:1]) + text[1:]
}
