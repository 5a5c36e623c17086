package policy_test

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/policy"
)

// TestCheck_hunt is about tests that hunt wrong answers: they may use what tests use, and do not look at files.
func TestCheck_hunt(t *testing.T) {
	t.Parallel()
	const module = "github.com/backend-labs/backend-labs/"
	hunt := (&course.Lab{Slug: "b99-x", Files: []string{"x.go"},
		Imports: []string{"os", "github.com/redis/go-redis/v9"},
		Forbid:  []course.Forbid{{Import: "context", Why: "the solution's, not the test's"}}}).AsHunt()
	for _, tt := range []struct {
		path string
		want bool // it may be imported
	}{
		{"testing", true}, {"testing/synctest", true}, {"testing/iotest", true}, {"net/http/httptest", true},
		{"testing/quick", false}, {"net/http/pprof", false},
		{module + "harness/kit/bubble", true}, {module + "harness/kit/account", false},
		{module + "labs/b99-x", true}, {module + "labs/b98-y", false},
		{"context", true}, {"github.com/redis/go-redis/v9", true}, {"github.com/jackc/pgx/v5", false},
		{"os", false}, {"os/exec", false}, {"unsafe", false},
	} {
		src := "package hunt\n\nimport \"" + tt.path + "\"\n"
		got := policy.Text(hunt, map[string][]byte{course.HuntFile: []byte(src)})
		if allowed := len(got) == 0; allowed != tt.want {
			t.Errorf("%s: got %v, want it allowed: %v", tt.path, got, tt.want)
		}
		const why = "it is not among the packages that this lab allows: the lab's own, testing, those of the kit " +
			"that checks use, github.com/redis/go-redis/v9, golang.org/x/sync, golang.org/x/time/rate, and those of "
		for _, v := range got {
			if !strings.HasPrefix(v.Why, why) {
				t.Errorf("%s: got %q, want %q", tt.path, v.Why, why)
			}
		}
	}
	for _, tt := range []struct{ name, imports, code, want string }{
		{"a file served", "net/http", "var f = http.ServeFile", "http.ServeFile (rule name): it reads files"},
		{"a folder", "net/http", "var d http.Dir", "http.Dir (rule name): it reads files"},
		{"a template of files", "text/template", "func f(t *template.Template) { t.ParseFiles(`a`) }",
			"t.ParseFiles (rule name): it reads files"},
		{"a place", "log/slog", "var s slog.Source", "slog.Source (rule name): it tells where something stands"},
		{"variables that keep something", "net/http", "var n = http.MethodGet\n\nfunc f() { n = `` }", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := map[string][]byte{course.HuntFile: []byte(body(tt.imports, tt.code))}
			l := *hunt
			l.NoPackageState = true
			found, err := checker().Check(t.Context(), &l, files)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for _, v := range found {
				got += v.String()
			}
			want := course.HuntFile + ":5: " + tt.want
			if tt.want == "" && got != "" || tt.want != "" && !strings.HasPrefix(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if got := check(t, plain, body("net/http", "var f = http.ServeFile")); len(got) > 0 {
		t.Errorf("got %q of a lab's solution, want nothing", got)
	}
}
