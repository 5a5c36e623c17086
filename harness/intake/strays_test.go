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
