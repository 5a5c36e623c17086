package embedded_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/embedded"
)

// wanted reports whether a file of the repository belongs to the course.
func wanted(name string) bool {
	switch top, rest, _ := strings.Cut(name, "/"); top {
	case "labs", "solutions":
		return (strings.Contains(rest, "/") || rest == course.PathsFile) && !strings.Contains(name, "/testdata/rapid/")
	case "harness":
		return strings.HasPrefix(rest, "kit/") && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") &&
			!strings.Contains(name, "/testdata/") &&
			rest != "kit/kit.go"
	}
	return false
}

// TestFiles holds what the binary has in it against the tree that it was built from.
func TestFiles(t *testing.T) {
	t.Parallel()
	root, err := course.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for f, err := range embedded.Files() {
		if err != nil {
			t.Fatal(err)
		}
		if has[f.Path] {
			t.Errorf("%s comes twice", f.Path)
		}
		has[f.Path] = true
		if f.Path == "go.mod" || f.Path == "go.sum" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.Path)))
		if err != nil || !bytes.Equal(data, f.Data) {
			t.Errorf("%s differs from the file in the tree (%v)", f.Path, err)
		}
	}
	for _, top := range []string{"labs", "solutions", "harness/kit"} {
		err := fs.WalkDir(os.DirFS(root), top, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && wanted(name) && !has[name] {
				t.Errorf("%s is not in the binary", name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

var requires = regexp.MustCompile(`(?m)^(?:require)?\s*(\S+\.\S+/?\S*) (v\S+)(?: // indirect)?$`)

// TestModule is about the go.mod that the course has in a binary: make module writes it.
func TestModule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := embedded.Write(dir, func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-deps", "-test", "-f", "{{with .Module}}{{.Path}}{{end}}", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the course does not build on its own: %v\n%s\nmake module brings its go.mod up to date", err, out)
	}
	root, err := course.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, m := range requires.FindAllStringSubmatch(string(all), -1) {
		versions[m[1]] = m[2]
	}
	own, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	found := requires.FindAllStringSubmatch(string(own), -1)
	if len(found) < 5 {
		t.Fatalf("%d modules are required: %s", len(found), own)
	}
	for _, m := range found {
		if versions[m[1]] != m[2] {
			t.Errorf("%s is %s, in the repository's go.mod %s: make module brings it up to date", m[1], m[2], versions[m[1]])
		}
		if strings.Contains(m[1], "testcontainers") || strings.Contains(m[1], "moby") {
			t.Errorf("no lab needs %s", m[1])
		}
	}
	if !strings.Contains(string(all), "\ngo "+embedded.Language()+"\n") {
		t.Errorf("it asks for Go %s, the repository does not", embedded.Language())
	}
}

func TestFolder(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	dir, err := embedded.Folder()
	if err != nil {
		t.Fatal(err)
	}
	c, err := course.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Labs) < 20 || len(c.Broken) > 0 {
		t.Fatalf("got %d labs, and %d that cannot be read", len(c.Labs), len(c.Broken))
	}
	for _, l := range c.Labs {
		if _, err := l.Stub(); err != nil || !l.HasSolution() {
			t.Errorf("%s has no stub or no solution (%v)", l.Slug, err)
		}
	}
	mark := filepath.Join(dir, "mark")
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if again, err := embedded.Folder(); err != nil || again != dir {
		t.Errorf("the second time it is %s (%v), and not %s", again, err, dir)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error("it was written a second time")
	}
}

func TestFolder_noPlace(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	_, err := embedded.Folder()
	if h, ok := err.(interface{ Hint() string }); !ok || !strings.Contains(h.Hint(), "HOME") {
		t.Errorf("got %v, want an error with a hint", err)
	}
}
