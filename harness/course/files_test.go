package course_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
)

func TestLab_Stray(t *testing.T) {
	t.Parallel()
	l := &course.Lab{Files: []string{"thing.go", "inner/more.go"},
		Given: []string{"program.go", "server/main.go"}}
	for name, want := range map[string]bool{
		"thing.go": false, "inner/more.go": false, "program.go": false, "server/main.go": false,
		"thing_test.go": false, "mine_test.go": false, "README.md": false, "lab.yaml": false,
		"notes.txt": false,
		"helper.go": true, "thing_test-LAPTOP.go": true, "inner/other.go": true,
		"server/more.go": true,
		"home_amd64.s":   true, "x.c": true, "go.mod": true,
	} {
		if got := l.Stray(name); got != want {
			t.Errorf("%s: got stray = %v, want %v", name, got, want)
		}
	}
}

func TestLab_NotHandedIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files []string // of lab.yaml
		there []string
		want  string
	}{
		{"nothing besides", []string{"thing.go"}, []string{"thing.go", "mine_test.go", ".#thing.go", "_old.go", ".stub/thing.go"}, ""},
		{"one", []string{"thing.go"}, []string{"helper.go"}, "helper.go is not handed in: lab.yaml names thing.go alone"},
		{"three", []string{"thing.go"}, []string{"c.go", "a.go", "b.go"}, "a.go, b.go and c.go are not handed in: lab.yaml names thing.go alone"},
		{"beside files in folders", []string{"thing.go", "in/more.go"}, []string{"in/x.go"}, "in/x.go is not handed in: lab.yaml names thing.go and in/more.go alone"},
		{"in a folder of the learner's own", []string{"thing.go"}, []string{"old/thing.go"}, ""},
	} {
		l := &course.Lab{Files: tt.files, Dir: t.TempDir()}
		for _, name := range tt.there {
			write(t, filepath.Join(l.Dir, filepath.FromSlash(name)), "package thing\n")
		}
		if got := l.NotHandedIn(l.Dir); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestLab_Strays(t *testing.T) {
	t.Parallel()
	l := &course.Lab{Slug: "b01-thing", Files: []string{"thing.go"},
		Given: []string{"server/main.go"}, Dir: t.TempDir()}
	for _, name := range []string{"thing.go", ".stub/thing.go", "server/main.go", "server/extra.go",
		"helper.go", "thing_test.go"} {
		write(t, filepath.Join(l.Dir, filepath.FromSlash(name)), "package thing\n")
	}
	got, err := l.Strays()
	if want := []string{"helper.go", "server/extra.go"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	l.Dir = filepath.Join(l.Dir, "nowhere")
	if _, err := l.Strays(); err == nil {
		t.Error("got no error for a folder that is not there")
	}
}
