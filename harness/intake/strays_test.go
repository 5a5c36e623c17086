package intake_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/intake"
)

// TestRead_notes is about files that lie beside a lab's and are not taken: whoever hands one in is
// told.
func TestRead_notes(t *testing.T) {
	t.Parallel()
	many := []string{"labs/b10-token-bucket/bucket.go"}
	for i := range 300 {
		many = append(many, fmt.Sprintf("labs/b10-token-bucket/h%03d.go", i),
			fmt.Sprintf("docs/x%d.go", i))
	}
	for _, tt := range []struct {
		name   string
		single *course.Lab
		files  []string
		want   []string // one for each lab
	}{
		{"nothing besides", nil, []string{"labs/b10-token-bucket/bucket.go"}, []string{""}},
		{"what is no code of the lab", nil, []string{
			"labs/b10-token-bucket/bucket.go", "labs/b10-token-bucket/mine_test.go",
			"labs/b10-token-bucket/README.md", "labs/b10-token-bucket/.stub/bucket.go",
			"labs/b10-token-bucket/_old.go", "labs/b10-token-bucket/old/bucket.go", "main.go",
			"labs/b11-other/other.go",
		}, []string{""}},
		{"a helper", nil, []string{"labs/b10-token-bucket/bucket.go", "labs/b10-token-bucket/helper.go"}, []string{"helper.go is not handed in: lab.yaml names bucket.go alone"}},
		{"of two labs", nil, []string{"labs/b10-token-bucket/bucket.go", "labs/b10-token-bucket/a.go", "labs/i02-orders/orders.go", "labs/i02-orders/x.go", "labs/i02-orders/y.go"},
			[]string{"a.go is not handed in: lab.yaml names bucket.go alone",
				"x.go and y.go are not handed in: lab.yaml names orders.go and sql/schema.sql alone"}},
		{"of a single lab", bucket, []string{"bucket.go", "helper.go", "cmd/main.go"}, []string{"helper.go is not handed in: lab.yaml names bucket.go alone"}},
		{"very many", nil, many, []string{"h000.go, h001.go, h002.go, h003.go, h004.go and 195 more are not handed in: lab.yaml names bucket.go alone"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var entries, wrapped []entry
			for _, name := range tt.files {
				write(t, filepath.Join(dir, "folder", name), "text")
				entries, wrapped = append(entries, file(name)),
					append(wrapped, file("repository-main/"+name))
			}
			write(t, filepath.Join(dir, "a.zip"), string(zipOf(t, entries...)))
			write(t, filepath.Join(dir, "b.tar"), string(tarOf(t, wrapped...)))
			all := labs
			if tt.single != nil {
				all = []*course.Lab{tt.single}
			}
			for _, name := range []string{"folder", "a.zip", "b.tar"} {
				subs, err := intake.Read(filepath.Join(dir, name), nil, all, tt.single)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, s := range subs {
					got = append(got, s.Note)
				}
				if tt.name == "very many" { // a folder is listed in no order
					if !strings.HasSuffix(got[0],
						" and 195 more are not handed in: lab.yaml names bucket.go alone") {
						t.Errorf("%s: got %q", name, got)
					}
				} else if !slices.Equal(got, tt.want) {
					t.Errorf("%s: got %q, want %q", name, got, tt.want)
				}
			}
		})
	}
}

// TestRead_hostileNotes: the name of a file that is not taken is shown, too.
func TestRead_hostileNotes(t *testing.T) {
	t.Parallel()
	path := place(t, "a.zip", zipOf(t, file("labs/b10-token-bucket/bucket.go"),
		file("labs/b10-token-bucket/\x1b[2J::error::x.go")))
	subs, err := intake.Read(path, nil, labs, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := subs[0].Note,
		"?[2J::error::x.go is not handed in: lab.yaml names bucket.go alone"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRead_elsewhereSome is that of many files in wrong places the first three are named, in a folder as in an
// archive, and no other after them.
func TestRead_elsewhereSome(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, pattern, want string
	}{
		{"the lab's file", "%s/deep/bucket.go", "; there is a/deep/bucket.go, b/deep/bucket.go, c/deep/bucket.go: " +
			"hand in a folder that has it in one of these places"},
		{"archives", "%s.tar.gz", "; what an archive in it holds is not looked at: a.tar.gz, b.tar.gz, c.tar.gz"},
		{"code", "%s.go", "; the code in it has other names: a.go, b.go, c.go"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var entries []entry
			for _, first := range []string{"a", "b", "c", "d", "e"} {
				name := fmt.Sprintf(tt.pattern, first)
				write(t, filepath.Join(dir, name), "text")
				entries = append(entries, file(name))
			}
			equal(t, read(t, dir, nil, labs, bucket), []string{noneSingle + tt.want})
			archive := place(t, "a.zip", zipOf(t, entries...))
			equal(t, read(t, archive, nil, labs, bucket), []string{noneSingle + tt.want})
		})
	}
}

// TestRead_elsewhereFar is how far a folder is looked through for a file in a wrong place: so deep, and so many
// names.
func TestRead_elsewhereFar(t *testing.T) {
	t.Parallel()
	many := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf("d/a%04d.txt", i))
		}
		return append(names, "d/bucket.go") // behind all of them
	}
	there := func(name string) string {
		return "; there is " + name + ": hand in a folder that has it in one of these places"
	}
	for _, tt := range []struct {
		name  string
		files []string
		want  string
	}{
		{"as deep as is looked", []string{"1/2/3/4/5/6/7/bucket.go"}, there("1/2/3/4/5/6/7/bucket.go")},
		{"deeper", []string{"1/2/3/4/5/6/7/8/bucket.go", "1/2/3/4/5/6/7/8/9/bucket.go"}, ""},
		{"in folders that are not looked at", []string{".git/bucket.go", "_old/bucket.go"}, ""},
		{"behind such a folder", []string{".git/bucket.go", "x/bucket.go"}, there("x/bucket.go")},
		{"the last of as many as are looked at", many(997), there("d/bucket.go")}, // with the two folders
		{"one behind them", many(998), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, name := range tt.files {
				write(t, filepath.Join(dir, name), "text")
			}
			equal(t, read(t, dir, nil, labs, bucket), []string{noneSingle + tt.want})
		})
	}
}
