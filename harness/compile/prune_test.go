package compile_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/compile"
)

const checksText = `package shapes_test

import (
	"fmt"
	"net/url"
	"testing"
	clock "time"

	"github.com/redis/go-redis/v9"
)

// A shape is drawn.
type shape struct{ sides int }

func (s shape) String() string { return fmt.Sprint(s.sides) }

var started = clock.Now()

func init() { begin() }

func begin() {}

// TestOne needs a shape.
func TestOne(t *testing.T) {
	url := shape{4}
	t.Log(url.String())
}

//go:noinline
func TestTwo(t *testing.T) {
	t.Log(url.PathEscape("/"), helper())
}

func helper() redis.Options { return redis.Options{} }
`

func TestPruned(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shapes_test.go")
	write(t, file, checksText)
	for _, tt := range []struct{ test, gone, imports string }{
		{"TestOne", "TestTwo helper noinline", `"fmt" _ "net/url" "testing" clock "time" _ "github.com/redis/go-redis/v9"`},
		{"TestTwo", "TestOne struct String", `_ "fmt" "net/url" "testing" clock "time" "github.com/redis/go-redis/v9"`},
	} {
		t.Run(tt.test, func(t *testing.T) {
			t.Parallel()
			text, ok := compile.Pruned(file, tt.test)
			if !ok {
				t.Fatal("got none")
			}
			for _, word := range strings.Fields(tt.gone) {
				if strings.Contains(text, word) {
					t.Errorf("%s is still there", word)
				}
			}
			before, after := strings.Split(checksText, "\n"), strings.Split(text, "\n")
			if len(after) != len(before) {
				t.Fatalf("got %d lines, want %d", len(after), len(before))
			}
			var imports []string
			for i, line := range after {
				switch {
				case i > 2 && i < 9:
					imports = append(imports, strings.Fields(line)...)
				case strings.TrimSpace(line) != "" && line != before[i]:
					t.Errorf("line %d: got %q, want %q", i+1, line, before[i])
				}
			}
			if diff := cmp.Diff(tt.imports, strings.Join(imports, " ")); diff != "" {
				t.Errorf("the imports (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPruned_untold has imports whose names nobody can tell from the syntax alone.
func TestPruned_untold(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a dot": "import (\n\t. \"strings\"\n\t\"testing\"\n)\n\nvar _ = ToUpper\n",
		"a name that is not in the path": "import (\n\t\"example.com/x\"\n\t\"testing\"\n)\n\n" +
			"var _ = y.Z\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "x_test.go")
			write(t, file, "package x_test\n\n"+text+"\nfunc TestX(*testing.T) {}\n")
			if text, ok := compile.Pruned(file, "TestX"); ok {
				t.Errorf("got\n%s", text)
			}
		})
	}
}

// TestFamily_named has variants that are judged by some checks alone: those that declare the same
// as one that is judged by all, and one that does not.
func TestFamily_named(t *testing.T) {
	t.Parallel()
	l := shapes(t)
	wrong := variant(t, l, "shapes.go", "side, side", "side, side+1")
	other := variant(t, l, "area/area.go", "func Of(a, b int)", "func Of(a int, b ...int)")
	all := []compile.Member{{Dir: l.Dir}, {Dir: wrong, Checks: []string{"TestSquare", "TestArea"}},
		{Dir: other, Checks: []string{"TestUnit"}}}
	var reqs []compile.Request
	for _, m := range all {
		reqs = append(reqs, compile.Request{Lab: l, Dir: m.Dir, Family: all})
	}
	b := builder(t, scratch)
	got := b.Build(t.Context(), reqs)
	for i, bin := range b.Build(t.Context(), reqs[1:2]) { // as another step of a proof does
		if !bin.Cached || bin.Variant != got[1].Variant {
			t.Errorf("asked for one of them: got %+v, want %+v", bin, got[1+i])
		}
	}
	if got[1].Variant == "" || got[1].Path != got[0].Path {
		t.Errorf("got %+v, want it in one binary with the reference", got[1])
	}
	if got[2].Compile == nil {
		t.Errorf("got %+v, want the compile error of a check that does not judge it", got[2])
	}
	for test, o := range outcomes(t, l, got[1]) {
		if missing := strings.Contains(o.Message, "no check"); missing != (test == "TestUnit") {
			t.Errorf("%s: got %+v", test, o)
		}
	}
}
