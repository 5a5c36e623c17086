package mutate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/mutate"
)

// said are the changes that some operators have found in a file of package p, in their order.
func said(t *testing.T, source string, operators ...string) (all []string) {
	t.Helper()
	for _, v := range variants(t, source) {
		for _, o := range operators {
			if v.Operator == o {
				all = append(all, v.Was+" => "+v.Becomes)
			}
		}
	}
	return all
}

// TestVariants_rest has for each operator what it leaves alone, and what its simplest source does not
// show.
func TestVariants_rest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, operator, source string
		want                   []string
	}{
		{"the others of a condition", "condition negated", `
func F(a, b bool, n int) {
	for !a {
	}
	for (b) {
	}
	if n > 1 || n <= 2 || n == 3 {
		b = a
	}
	for {
		return
	}
}`, []string{
			"for !a { => for a {",
			"for (b) { => for (!b) {",
			"if n > 1 || n <= 2 || n == 3 { => if n <= 1 || n <= 2 || n == 3 {",
			"if n > 1 || n <= 2 || n == 3 { => if n > 1 || n > 2 || n == 3 {",
			"if n > 1 || n <= 2 || n == 3 { => if n > 1 || n <= 2 || n != 3 {",
		}},
		{"in a case, of a switch and of a select", "statement removed", `
func F(a chan int, n int) {
	switch n {
	case 1:
		n++
	}
	select {
	case a <- 1:
		n--
	}
}`, []string{
			"switch n { … } => ",
			"select { … } => ",
			"n++ => ",
			"n-- => ",
		}},
		{"what has no result, and what runs beside", "statement removed", `
func F(a chan int) {
	go F(a)
	a <- 1
	if len(a) > 1 {
		return
	}
	for range 2 {
		_ = 1
	}
	var _ = 2
}`, []string{
			"go F(a) => ",
			"a <- 1 => ",
			"for range 2 { … } => ",
			"return => ",
			"_ = 1 => ",
		}},
		{"several on a line", "statement removed", `
func F(n int) { n++; F(n) }
`, []string{
			"func F(n int) { n++; F(n) } => func F(n int) { ; F(n) }",
			"func F(n int) { n++; F(n) } => func F(n int) { n++; }",
		}},
		{"of another lock, or of a function of its own", "lock removed", `
import "sync"

var a, b sync.Mutex

func F() {
	a.Lock()
	b.Unlock()
	defer func() { a.Unlock() }()
	func() {
		b.Lock()
	}()
}`, []string{
			"a.Lock() => ",
			"b.Lock() => ",
		}},
		{"of a type of one's own, and nil", "error returned as nil", `
type e struct{}

func (e) Error() string { return "" }

func F(n int) (*e, error) {
	if n == 1 {
		return nil, nil
	}
	return nil, e{}
}`, []string{"return nil, e{} => return nil, nil"}},
		{"conversions, and what is symmetric", "arguments swapped", `
import "slices"

func F(a, b []int, n ...int) bool {
	F(a, b, 1, 1, 2)
	F(a, a)
	return slices.Equal(a, b)
}`, []string{
			"F(a, b, 1, 1, 2) => F(b, a, 1, 1, 2)",
			"F(a, b, 1, 1, 2) => F(a, b, 1, 2, 1)",
		}},
		{"a loop that ends, and one of nothing", "loop left after the first round", `
func F(a []int) {
	for range a {
	}
	for range a {
		{
			F(a)
			break
		}
	}
	for range a { // all of them
		F(a)

		// and again
	}
}`, []string{"for range a { => for range a { … break }"}},
		{"that is none, or has another name", "context replaced", `
import c "context"

func F(ctx c.Context) {
	F(c.Background())
	F(nil)
	F(ctx)
}`, []string{
			"F(c.Background()) => F(context.Background())",
			"F(ctx) => F(context.Background())",
		}},
		{"that is the background already", "context replaced", `
import "context"

func F(ctx context.Context) {
	F(context.Background())
	F(ctx)
}`, []string{"F(ctx) => F(context.Background())"}},
		{"of a header, and onto an empty slice", "copy aliased", `
import "net/http"

func F(h http.Header, a []int) {
	h = h.Clone()
	a = append([]int{}, a...)
	a = append([]int{1}, a...)
	a = append([]int{}, 1)
}`, []string{
			"h = h.Clone() => h = h",
			"a = append([]int{}, a...) => a = a",
		}},
		{"of the folded, and of what cannot be compared", "comparison by ==", `
import ("net/http"; "slices")

type is struct{ Equal func(a, b string) bool }

func F(a is, b string, c []int) bool {
	http.Error(nil, b, 1)
	return a.Equal(b, "") || slices.Equal(c, c)
}`, []string{
			`return a.Equal(b, "") || slices.Equal(c, c) => return (b == "") || slices.Equal(c, c)`,
		}},
	} {
		t.Run(tt.operator+", "+tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, said(t, tt.source, tt.operator)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestVariants_files changes the files of several folders, in the order of their names, and nothing
// of what is given; what does not compile with the other files is left out.
func TestVariants_files(t *testing.T) {
	t.Parallel()
	all, err := mutate.Variants(mutate.Reference{Path: "example.com/p", Go: "1.26.0",
		Files: map[string][]byte{
			"p.go": []byte("package p\n\nimport \"example.com/p/in\"\n\nfunc F() { in.G() }\n"),
			"a.go": []byte("package p\n\nconst N = 1\n"),
			"in/g.go": []byte("package in\n\nfunc G() {\n\th()\n}\n\n" +
				"func (S[K, V]) M() { h() }\n\nvar _ = func() { h() }\n"),
		},
		Given: map[string][]byte{
			"given.go":    []byte("package p\n\nvar _ [N - 1]int // N is no 0\n"),
			"in/given.go": []byte("package in\n\ntype S[K, V any] struct{}\n\nfunc h() { h() }\n"),
		}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range all {
		got = append(got, fmt.Sprintf("%s:%d %s: %s => %s", v.File, v.Line, v.In, v.Was, v.Becomes))
	}
	want := []string{
		"a.go:3 : const N = 1 => const N = 2",
		"in/g.go:4 G: h() => ",
		"in/g.go:7 S.M: func (S[K, V]) M() { h() } => func (S[K, V]) M() { }",
		"in/g.go:9 : var _ = func() { h() } => var _ = func() { }",
		"p.go:5 F: func F() { in.G() } => func F() { }",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if last := string(all[4].Source); last != "package p\n\n\nfunc F() {  }\n" {
		t.Errorf("got %q, want no import of what is used no more", last)
	}
}

// TestVariants_once gives a change once that two operators come upon.
func TestVariants_once(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, v := range variants(t, `
func F(a []int, n int) int {
	for i := 1; i < 1; i++ {
		n += 1
	}
	return n
}`) {
		if other, ok := seen[string(v.Source)]; ok {
			t.Errorf("got %s and %s, which are the same\n%s", other, v.Operator, v.Source)
		}
		seen[string(v.Source)] = v.Operator
	}
	if len(seen) < 8 {
		t.Errorf("got %d variants, want many", len(seen))
	}
}

// TestVariants_language compiles as the course's version of the language does.
func TestVariants_language(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"1.26.0": "", "1.21": "requires go1.22 or later"} {
		_, err := mutate.Variants(mutate.Reference{Path: "example.com/p", Go: version,
			Files: map[string][]byte{"p.go": []byte("package p\n\nfunc F() {\n\tfor range 2 {\n\t}\n}\n")}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got the error %v, want %q in it", version, err, want)
		}
	}
}
