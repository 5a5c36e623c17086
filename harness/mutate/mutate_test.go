package mutate_test

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/mutate"
)

// exports are the types of the packages that the sources of these tests import.
var exports = sync.OnceValues(func() (map[string]string, error) {
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}",
		"context", "errors", "net/http", "slices", "sort", "sync", "time").Output()
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return files, err
})

// variants changes a file of package p.
func variants(t *testing.T, source string) []mutate.Variant {
	t.Helper()
	files, err := exports()
	if err != nil {
		t.Fatal(err)
	}
	got, err := mutate.Variants(mutate.Reference{Path: "example.com/p", Go: "1.26.0",
		Files:   map[string][]byte{"p.go": []byte("package p\n" + source)},
		Exports: files})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestVariants has for each operator a source with all that it finds there.
func TestVariants(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		operator string
		source   string
		want     []string // was => becomes
	}{
		{"bound moved", `
func F(a, b int) bool {
	return a < b == (a >= b)
}`, []string{
			"return a < b == (a >= b) => return a <= b == (a >= b)",
			"return a < b == (a >= b) => return a < b == (a > b)",
		}},
		{"condition negated", `
func F(a int, b, c bool) bool {
	if b && !c {
		return a != 1
	}
	return c
}`, []string{
			"if b && !c { => if !b && !c {",
			"if b && !c { => if b && c {",
			"return a != 1 => return a == 1",
		}},
		{"condition fixed", `
func F(a, b bool) int {
	if a || b {
		return 1
	}
	if a {
		return 2
	} else {
		return 3
	}
}`, []string{
			"if a || b { => if true || (a || b) {",
			"if a || b { => if false && (a || b) {",
			"if a { => if true || a {",
		}},
		{"and, or exchanged", `
func F(a, b bool) bool {
	return a && b
}`, []string{"return a && b => return a || b"}},
		{"constant changed", `
import "time"

const d = 5 * time.Second

func F() (float64, uint) {
	return 0.5, 0 // -1 is no uint
}`, []string{
			"const d = 5 * time.Second => const d = 6 * time.Second",
			"const d = 5 * time.Second => const d = 4 * time.Second",
			"const d = 5 * time.Second => const d = 0 * time.Second",
			"return 0.5, 0 => return 1.5, 0",
			"return 0.5, 0 => return -0.5, 0",
			"return 0.5, 0 => return 0, 0",
			"return 0.5, 0 => return 0.5, 1",
		}},
		{"statement removed", `
import "slices"

func F(a []int) {
	// in order
	slices.Sort(a) // now
	a[0]++
	b := a
	for range b {
		F(nil)
		continue
	}
}`, []string{
			"slices.Sort(a) => ",
			"a[0]++ => ",
			"F(nil) => ",
			"continue => ",
		}},
		{"defer removed", `
func F() {
	defer F()
}`, []string{"defer F() => "}},
		{"lock removed", `
import "sync"

var a, b sync.RWMutex

func F() {
	a.Lock()
	b.RLock()
	defer a.Unlock()
	b.RUnlock()
}`, []string{
			"a.Lock() … defer a.Unlock() => ",
			"b.RLock() … b.RUnlock() => ",
		}},
		{"error returned as nil", `
import "errors"

var e = errors.New("e")

func F() (int, error) {
	g := func() error { return e }
	if g() == nil {
		return 0, nil
	}
	return 1, g()
}`, []string{
			"return 1, g() => return 1, nil",
			"g := func() error { return e } => g := func() error { return nil }",
		}},
		{"arguments swapped", `
func F(a, b int, c string) {
	F(a, 1, c)
	F(a, a, c)
	F(min(a, b), 1, c)
}`, []string{"F(a, 1, c) => F(1, a, c)", "F(min(a, b), 1, c) => F(1, min(a, b), c)"}},
		{"else dropped", `
func F(a bool) {
	if a {
	} else if !a {
		F(a)
	} else {
		F(a)
	}
}`, []string{
			"} else if !a { … } => }",
			"} else { … } => }",
		}},
		{"loop left after the first round", `
func F(a []int) {
	for range a {
		F(a) // again
	}
	for i := 0; i < 2; i++ { F(a) }
	for {
		return
	}
}`, []string{
			"for range a { => for range a { … break }",
			"for i := 0; i < 2; i++ { F(a) } => for i := 0; i < 2; i++ { … break }",
		}},
		{"context replaced", `
import "net/http"

func F(r *http.Request) {
	F(r.WithContext(r.Context()))
}`, []string{
			"F(r.WithContext(r.Context())) => F(r.WithContext(context.Background()))",
		}},
		{"copy aliased", `
import "slices"

func F(a, b []int) {
	b = slices.Clone(a)
	b = append([]int(nil), a...)
	b = append(b, a...)
}`, []string{
			"b = slices.Clone(a) => b = a",
			"b = append([]int(nil), a...) => b = a",
		}},
		{"comparison by ==", `
import ("errors"; "slices"; "time")

func F(a, b error, s, t time.Time, u []int) (x bool) {
	x = errors.Is(a, b)
	x = s.Equal(t)
	return slices.Equal(u, u)
}`, []string{
			"x = errors.Is(a, b) => x = (a == b)",
			"x = s.Equal(t) => x = (s == t)",
		}},
	} {
		t.Run(tt.operator, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, v := range variants(t, tt.source) {
				if v.Operator == tt.operator {
					got = append(got, v.Was+" => "+v.Becomes)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestVariants_place is about where a change is, and how it is shown.
func TestVariants_place(t *testing.T) {
	t.Parallel()
	all := variants(t, `
type S[T any] struct{ n int }

func (s *S[T]) Add() {
	s.n++ // one more
}`)
	if len(all) != 1 {
		t.Fatalf("got %d variants, want 1", len(all))
	}
	v := all[0]
	got := fmt.Sprintf("%s:%d %s\n%s", v.File, v.Line, v.In, v.Diff())
	want := `p.go:6 S.Add
--- a/p.go
+++ b/p.go
@@ -3,5 +3,4 @@
 type S[T any] struct{ n int }
 
 func (s *S[T]) Add() {
-	s.n++ // one more
 }
\ No newline at end of file
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestVariants_unusedImport removes an import whose only use goes.
func TestVariants_unusedImport(t *testing.T) {
	t.Parallel()
	for name, imports := range map[string][2]string{
		"alone":           {"import \"slices\"\n", ""},
		"in brackets":     {"import (\n\t\"slices\"\n)\n", ""},
		"with a name":     {"import slices \"slices\"\n", ""},
		"as another one":  {"import (\n\t\"errors\"\n\tslices \"sort\"\n)\n", "import (\n\t\"errors\"\n)\n"},
		"on its own line": {"import (\n\t\"errors\"\n\t\"slices\" // sorts\n)\n", "import (\n\t\"errors\"\n // sorts\n)\n"},
		"the first":       {"import (\"slices\"; \"errors\")\n", "import ( \"errors\")\n"},
		"the last":        {"import (\"errors\"; \"slices\")\n", "import (\"errors\")\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rest = "\nfunc F(a []int) {\n%s}\n"
			call := "\tslices.Sort(a)\n"
			if strings.Contains(imports[0], "sort\"") {
				call = "\tslices.Ints(a)\n"
			}
			if strings.Contains(imports[0], "errors") {
				imports[0] += "\nvar E = errors.ErrUnsupported\n"
				imports[1] += "\nvar E = errors.ErrUnsupported\n"
			}
			all := variants(t, imports[0]+fmt.Sprintf(rest, call))
			want := "package p\n" + imports[1] + fmt.Sprintf(rest, "")
			if len(all) != 1 || string(all[0].Source) != want {
				t.Errorf("got %+v, want one variant with the source\n%s", all, want)
			}
		})
	}
}

func TestVariants_mistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, source, want string }{
		{"no Go", "package", "the reference is no Go: p.go:1:8: expected 'IDENT', found 'EOF'"},
		{"a type that does not fit", "package p\n\nvar X int = \"\"\n", "the reference does not " +
			"compile: p.go:3:13: cannot use \"\" (untyped string constant) as int value in " +
			"variable declaration"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := mutate.Variants(mutate.Reference{Path: "example.com/p", Go: "1.26.0",
				Files: map[string][]byte{"p.go": []byte(tt.source)}})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
