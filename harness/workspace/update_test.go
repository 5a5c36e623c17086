package workspace_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// tree is what lies below a folder, without the state of labs and of git.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, at)
		if d.IsDir() {
			if d.Name() == workspace.Folder || d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		data, err := os.ReadFile(at)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// in is a file below a root.
func in(root, name string) string { return filepath.Join(root, filepath.FromSlash(name)) }

func load(t *testing.T, root string) *course.Course {
	t.Helper()
	c, err := course.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Broken) > 0 {
		t.Fatal(c.Broken)
	}
	return c
}

const (
	stubFile  = "labs/b01-adder/adder.go"
	kept      = "labs/b01-adder/.stub/adder.go"
	checkFile = "labs/b01-adder/adder_test.go"
	brief     = "labs/b01-adder/README.md"
)

// stubText is a stub in which three places can change apart from each other.
func stubText(top, middle, bottom string) string {
	return "// " + top + "\npackage adder\n\n// one\n// two\n// three\n\n// Add adds.\nfunc Add(a, b int) int {\n\t" + middle +
		"\n}\n\n// four\n// five\n// six\n\n// " + bottom + "\n"
}

// twoCourses are a course and what became of it: a stub with another first line, a brief and a check that changed, a
// file that is new and one that is gone.
func twoCourses(t *testing.T) (older, newer *course.Course) {
	t.Helper()
	example, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	older = coursetest.New(t, example)
	newer = coursetest.New(t, example)
	for _, at := range []struct {
		c    *course.Course
		text string
	}{{older, stubText("Package adder is old.", "return 0", "end")}, {newer, stubText("Package adder is new.", "return 0", "end")}} {
		write(t, in(at.c.Root, stubFile), at.text)
		write(t, in(at.c.Root, kept), at.text)
	}
	write(t, in(older.Root, "labs/b01-adder/gone_test.go"), "package adder_test\n")
	write(t, in(newer.Root, "labs/b01-adder/fresh_test.go"), "package adder_test\n")
	write(t, in(newer.Root, brief), "# Another brief\n")
	write(t, in(newer.Root, checkFile), read(t, in(newer.Root, checkFile))+"\n// changed\n")
	return load(t, older.Root), load(t, newer.Root)
}

// made is a workspace of the older course.
func made(t *testing.T, c *course.Course, labs ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mine")
	if err := (workspace.Init{Dir: dir, Course: c, Version: "v1", Labs: labs}).Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func plan(t *testing.T, dir string, c *course.Course) *workspace.Plan {
	t.Helper()
	p, err := workspace.PlanUpdate(t.Context(), dir, c, "v2")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func kinds(p *workspace.Plan) map[string]workspace.Kind {
	m := map[string]workspace.Kind{}
	for _, c := range p.Changes {
		m[c.Path] = c.Kind
	}
	return m
}

func update(t *testing.T, dir string, c *course.Course) (did map[string]workspace.Kind, backup string) {
	t.Helper()
	p := plan(t, dir, c)
	backup, err := p.Do(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if p := plan(t, dir, c); !p.Nothing() {
		t.Errorf("after the update there is still to do: %v", kinds(p))
	}
	return kinds(p), backup
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	older, newer := twoCourses(t)
	t.Run("nothing edited", func(t *testing.T) {
		t.Parallel()
		dir := made(t, older)
		before := tree(t, dir)
		p := plan(t, dir, newer)
		if after := tree(t, dir); !maps.Equal(before, after) {
			t.Error("a plan has changed something")
		}
		want := map[string]workspace.Kind{stubFile: workspace.Replaced, kept: workspace.Replaced, brief: workspace.Replaced,
			checkFile: workspace.Replaced, "labs/b01-adder/fresh_test.go": workspace.Added,
			"labs/b01-adder/gone_test.go": workspace.Removed}
		if got := kinds(p); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if _, backup := update(t, dir, newer); backup != "" {
			t.Error("a backup of what nobody has edited")
		}
		fresh := made(t, newer)
		got, same := tree(t, dir), tree(t, fresh)
		delete(got, workspace.Manifest)
		delete(same, workspace.Manifest)
		if !maps.Equal(got, same) {
			t.Error("the updated workspace is not what a new one is")
		}
	})
	t.Run("an answer in another place", func(t *testing.T) {
		t.Parallel()
		dir := made(t, older)
		mine := stubText("Package adder is old.", "return a + b", "end")
		write(t, in(dir, stubFile), mine)
		did, backup := update(t, dir, newer)
		if did[stubFile] != workspace.Merged {
			t.Errorf("got %v, want merged", did[stubFile])
		}
		if got, want := read(t, in(dir, stubFile)), stubText("Package adder is new.", "return a + b", "end"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := read(t, in(backup, stubFile)); got != mine {
			t.Errorf("the backup has %s", got)
		}
	})
	t.Run("an answer with the line ends of Windows", func(t *testing.T) {
		t.Parallel()
		dir := made(t, older)
		write(t, in(dir, stubFile), strings.ReplaceAll(stubText("Package adder is old.", "return a + b", "end"), "\n", "\r\n"))
		update(t, dir, newer)
		if got, want := read(t, in(dir, stubFile)), stubText("Package adder is new.", "return a + b", "end"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("the same lines", func(t *testing.T) {
		t.Parallel()
		dir := made(t, older)
		write(t, in(dir, stubFile), stubText("Package adder is mine.", "return a + b", "end"))
		did, _ := update2(t, dir, newer)
		got := read(t, in(dir, stubFile))
		for _, part := range []string{"<<<<<<< yours", "Package adder is mine.", "Package adder is new.", ">>>>>>> the new stub", "return a + b"} {
			if !strings.Contains(got, part) {
				t.Errorf("%q is lost: %s", part, got)
			}
		}
		if did[stubFile] != workspace.Conflict {
			t.Errorf("got %v, want a conflict", did[stubFile])
		}
	})
	t.Run("the learner's own", func(t *testing.T) {
		t.Parallel()
		dir := made(t, older)
		write(t, in(dir, "README.md"), "mine\n")
		write(t, in(dir, "labs/b01-adder/notes.md"), "mine\n")
		write(t, in(dir, "labs/b01-adder/gone_test.go"), "package adder_test // mine\n")
		write(t, in(dir, checkFile), "package adder_test\n")
		did, backup := update2(t, dir, newer)
		for name, want := range map[string]string{"README.md": "mine\n", "labs/b01-adder/notes.md": "mine\n",
			"labs/b01-adder/gone_test.go": "package adder_test // mine\n", checkFile: read(t, in(newer.Root, checkFile))} {
			if got := read(t, in(dir, name)); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		if did[checkFile] != workspace.GivenBack || did["labs/b01-adder/gone_test.go"] != workspace.Kept {
			t.Errorf("got %v", did)
		}
		if got := read(t, in(backup, checkFile)); got != "package adder_test\n" {
			t.Errorf("the backup has %q", got)
		}
	})
	t.Run("the same course", func(t *testing.T) {
		t.Parallel()
		dir := made(t, older)
		write(t, in(dir, stubFile), stubText("Package adder is old.", "return a + b", "end"))
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(brief))); err != nil {
			t.Fatal(err)
		}
		p, err := workspace.PlanUpdate(t.Context(), dir, older, "v1")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := kinds(p), (map[string]workspace.Kind{brief: workspace.Added}); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("a choice of labs stays one", func(t *testing.T) {
		t.Parallel()
		dir := made(t, older, "B01")
		update(t, dir, newer)
		if c := load(t, dir); len(c.Labs) != 1 || c.Labs[0].ID != "B01" {
			t.Errorf("got %d labs", len(c.Labs))
		}
	})
}

// update2 is update for a workspace in which something stays to be done by the learner.
func update2(t *testing.T, dir string, c *course.Course) (did map[string]workspace.Kind, backup string) {
	t.Helper()
	p := plan(t, dir, c)
	backup, err := p.Do(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return kinds(p), backup
}

func TestUpdate_withoutGit(t *testing.T) {
	older, newer := twoCourses(t)
	dir := made(t, older)
	mine := stubText("Package adder is old.", "return a + b", "end")
	write(t, in(dir, stubFile), mine)
	t.Setenv("PATH", t.TempDir())
	did, _ := update2(t, dir, newer)
	if got := read(t, in(dir, stubFile)); got != mine {
		t.Errorf("the learner's file has changed: %s", got)
	}
	if got := read(t, in(dir, stubFile+".new")); got != read(t, in(newer.Root, stubFile)) {
		t.Errorf("beside it lies %s", got)
	}
	if did[stubFile+".new"] != workspace.Beside {
		t.Errorf("got %v", did)
	}
}

// TestUpdate_interrupted is about an update that is killed before each thing that it does to the disk.
func TestUpdate_interrupted(t *testing.T) {
	older, newer := twoCourses(t)
	begin := made(t, older)
	write(t, in(begin, stubFile), stubText("Package adder is old.", "return a + b", "end"))
	old := tree(t, begin)
	whole := t.TempDir()
	if err := os.CopyFS(whole, os.DirFS(begin)); err != nil {
		t.Fatal(err)
	}
	update(t, whole, newer)
	done := tree(t, whole)
	n, finished := 0, 0
	for ended := false; !ended; n++ {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(begin)); err != nil {
			t.Fatal(err)
		}
		p := plan(t, dir, newer)
		undo := workspace.DieAt(n)
		func() {
			defer func() {
				if v := recover(); v != nil && v != (workspace.Died{}) {
					panic(v)
				}
			}()
			if _, err := p.Do(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			ended = true
		}()
		undo()
		again, err := workspace.Recover(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if again {
			finished++
		}
		if got := tree(t, dir); !maps.Equal(got, old) && !maps.Equal(got, done) {
			t.Errorf("killed before step %d, the workspace is neither the old nor the new one", n)
		} else if again && !maps.Equal(got, done) {
			t.Errorf("killed before step %d, the update was not finished", n)
		}
		if _, err := os.Lstat(filepath.Join(dir, workspace.Folder, "update")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("killed before step %d, the update has left something", n)
		}
		if n > 1000 {
			t.Fatal("it does not end")
		}
	}
	if finished < 5 || n-finished < 5 {
		t.Errorf("of %d moments, in %d the update was finished afterwards", n, finished)
	}
}

func TestUpdate_stopped(t *testing.T) {
	t.Parallel()
	older, newer := twoCourses(t)
	dir := made(t, older)
	before := tree(t, dir)
	p := plan(t, dir, newer)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Do(ctx, time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("something has changed")
	}
}

func TestInit_Write(t *testing.T) {
	t.Parallel()
	example, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	c := coursetest.New(t, example)
	dir := made(t, c)
	files := slices.Sorted(maps.Keys(tree(t, dir)))
	for _, name := range files {
		if strings.HasPrefix(name, "solutions/") || strings.HasPrefix(name, "harness/") && !strings.HasPrefix(name, "harness/kit/") {
			t.Errorf("%s is no learner's", name)
		}
	}
	for _, name := range []string{stubFile, kept, checkFile, brief, "go.mod", "go.sum", ".gitignore", ".vscode/tasks.json", "harness/kit/expect/expect.go"} {
		if !slices.Contains(files, name) {
			t.Errorf("%s is missing", name)
		}
	}
	if got := load(t, dir); len(got.Labs) != len(c.Labs) {
		t.Errorf("got %d labs, want %d", len(got.Labs), len(c.Labs))
	}
	t.Run("what was worked on is not handed out", func(t *testing.T) {
		c := coursetest.New(t, example)
		want := read(t, in(c.Root, kept))
		write(t, in(c.Root, stubFile), "package adder // solved\n")
		if got := read(t, in(made(t, load(t, c.Root)), stubFile)); got != want {
			t.Errorf("got %s, want the recorded stub", got)
		}
	})
	t.Run("an empty folder", func(t *testing.T) {
		dir := t.TempDir()
		if err := (workspace.Init{Dir: dir, Course: c, Version: "v1"}).Write(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !workspace.IsOne(dir) {
			t.Error("it is no workspace")
		}
	})
}

func TestInit_Write_refuses(t *testing.T) {
	t.Parallel()
	example, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	c := coursetest.New(t, example)
	full := t.TempDir()
	write(t, in(full, "thesis.txt"), "the only copy")
	file := filepath.Join(t.TempDir(), "file")
	write(t, in(filepath.Dir(file), "file"), "")
	for _, tt := range []struct{ name, dir, want string }{
		{"a folder with something in it", full, "is not empty: thesis.txt is in it"},
		{"a file", file, "is a file"},
		{"a workspace", made(t, c), "is a workspace already"},
		{"inside a workspace", filepath.Join(made(t, c), "sub", "sub"), "lies in another Go module"},
		{"inside the course", filepath.Join(c.Root, "sub"), "lies in another Go module"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := workspace.Init{Dir: tt.dir, Course: c, Version: "v1"}.Write(t.Context())
			none, ok := errors.AsType[*workspace.NoPlace](err)
			if !ok || !strings.Contains(none.Error(), tt.want) || none.Hint() == "" {
				t.Errorf("got %v, want %q with a hint", err, tt.want)
			}
		})
	}
	t.Run("stopped, it leaves nothing", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		top := t.TempDir()
		err := workspace.Init{Dir: filepath.Join(top, "a", "b"), Course: c, Version: "v1"}.Write(ctx)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if entries, _ := os.ReadDir(top); len(entries) > 0 {
			t.Errorf("%s is left", entries[0].Name())
		}
	})
}
