package hunt_test

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/hunt"
)

func TestParse(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	const head = "package adder_test\n\nimport \"testing\"\n\n"
	for _, c := range []struct{ name, text, want, remedy string }{
		{"no test", head + "func Testing() {}\nfunc (x y) TestIt(t *testing.T) {}\n",
			"hunt/hunt_test.go has no test", "func TestSomething(t *testing.T)"},
		{"a TestMain", head + "func TestMain(m *testing.M) {}\n",
			"hunt_test.go:5: there is a TestMain", "take it out"},
		{"a test of something else", head + "func TestIt(b *testing.B) {}\n",
			"hunt_test.go:5: TestIt is no test: it does not take a *testing.T alone",
			"func TestIt(t *testing.T)"},
		{"a test of two", head + "func TestIt(t, u *testing.T) {}\n",
			"hunt_test.go:5: TestIt is no test: it does not take a *testing.T alone",
			"func TestIt(t *testing.T)"},
		{"another package", "package adder\n",
			"hunt_test.go:1: the package is called adder, not adder_test as that of the lab's checks",
			"package adder_test"},
		{"no Go", "package adder_test\n\nfunc TestIt( {\n", "hunt_test.go:3: expected ')', found '{'",
			"mend"},
		{"nothing", "", "hunt_test.go:1: expected 'package', found 'EOF'", "mend"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := hunt.Parse(l, []byte(c.text))
			unfit, ok := err.(*hunt.Unfit)
			if !ok {
				t.Fatalf("got %v, want an Unfit", err)
			}
			if unfit.Error() != c.want || !strings.Contains(unfit.Hint(), c.remedy) {
				t.Errorf("got %q and the hint %q, want %q and a hint with %q", unfit, unfit.Hint(),
					c.want, c.remedy)
			}
		})
	}
}

func TestParse_names(t *testing.T) {
	t.Parallel()
	tests, err := hunt.Parse(coursetest.Adder(t), []byte(`package adder_test

import "testing"

func TestB(*testing.T)       {}
func Test(t *testing.T)      {}
func Testify()               {}
func TestÄ(t *testing.T)     {}
func help(t *testing.T)      {}
`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(tests.Names, " "), "TestB Test TestÄ"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
