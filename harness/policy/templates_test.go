package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
)

// TestCheck_templates is that a template, which calls methods by their names, gets no value from which it could reach
// one that is not allowed, and every other value.
func TestCheck_templates(t *testing.T) {
	t.Parallel()
	const begin = "package x\n\nimport (\n\t\"context\"\n\t\"errors\"\n\t\"fmt\"\n\t\"html/template\"\n\t\"io\"\n\t\"log/slog\"\n" +
		"\t\"net/http\"\n\t\"os\"\n\n\t\"github.com/jackc/pgx/v5\"\n\t\"github.com/jackc/pgx/v5/pgconn\"\n" +
		"\t\"github.com/jackc/pgx/v5/pgxpool\"\n\t\"github.com/redis/go-redis/v9\"\n)\n\nvar (\n\t_ context.Context\n" +
		"\t_ = errors.New\n\t_ io.Writer\n\t_ = fmt.Sprint\n\t_ *slog.Logger\n\t_ http.Handler\n\t_ = os.Getenv\n\t_ pgx.Tx\n" +
		"\t_ *pgconn.PgError\n\t_ *pgxpool.Pool\n\t_ *redis.Client\n\tpage = template.Must(template.New(``).Parse(`{{.Bio}}`))\n)\n\n"
	for _, tt := range []struct{ name, code, want string }{
		{"a pool", "func f(w io.Writer, p *pgxpool.Pool) { page.Execute(w, p) }", "p"},
		{"a client", "func f(w io.Writer, c *redis.Client) { page.Execute(w, c) }", "c"},
		{"a client as it is handed in", "func f(w io.Writer, c redis.UniversalClient) { page.Execute(w, c) }", "c"},
		{"a client that can do less", "func f(w io.Writer, c redis.Cmdable) { page.ExecuteTemplate(w, ``, c) }", "c"},
		{"what leads to a connection", "func f(w io.Writer, tx pgx.Tx) { page.Execute(w, tx) }", "tx"},
		{"in a field", "type t struct{ C *redis.Client }\n\nfunc f(w io.Writer, x t) { page.Execute(w, x) }", "x"},
		{"in an embedded field", "type c struct{ *redis.Client }\n\ntype t struct{ c }\n\nfunc f(w io.Writer, x *t) { page.Execute(w, x) }", "x"},
		{"in an element", "func f(w io.Writer, x map[string][]*redis.Client) { page.Execute(w, x) }", "x"},
		{"as a key", "func f(w io.Writer, x map[*redis.Client]int) { page.Execute(w, x) }", "x"},
		{"what a method returns", "type t struct{ c *redis.Client }\n\nfunc (x *t) C() *redis.Client { return x.c }\n\nfunc f(w io.Writer, x t) { page.Execute(w, x) }", "x"},
		{"what a method returns as an any", "type t struct{ c *redis.Client }\n\nfunc (x *t) C() any { return x.c }\n\nfunc f(w io.Writer, x t) { page.Execute(w, x) }", "x.c"},
		{"what a function returns", "func f(c *redis.Client) { page.Funcs(template.FuncMap{`c`: func() *redis.Client { return c }}) }", "(func() *redis.Client literal)"},
		{"in a map of anything", "func f(w io.Writer, c *redis.Client) { page.Execute(w, map[string]any{`C`: c}) }", "c"},
		{"by an interface of one's own", "type q interface{ Ping(context.Context) error }\n\nfunc f(w io.Writer, p *pgxpool.Pool) { var x q = p; page.Execute(w, x) }", "p"},
		{"by an interface of the library", "func f(w io.Writer) { var x io.Writer = os.Stdout; page.Execute(w, x) }", "x"},
		{"by a type parameter", "func box[T any](x T) any { return x }\n\nfunc f(w io.Writer, c *redis.Client) { page.Execute(w, box(c)) }", "x"},
		{"as a method value", "func f(w io.Writer, c *redis.Client) { x := page.Execute; x(w, c) }", "c"},

		{"a struct of one's own", "type t struct { Bio string; next *t; Tags []string }\n\nfunc (x t) Name() (string, error) { return x.Bio, nil }\n\nfunc f(w io.Writer, x t) error { return page.Execute(w, x) }", ""},
		{"a map of strings and numbers", "func f(w io.Writer, s string) error { return page.Execute(w, map[string]any{`Bio`: s, `N`: 1}) }", ""},
		{"a field that no template sees", "type t struct { Bio string; c *redis.Client }\n\nfunc f(w io.Writer, x *t) error { return page.Execute(w, x) }", ""},
		{"functions of strings", "func f() { page.Funcs(template.FuncMap{`up`: func(s string) (string, error) { return s, nil }}) }", ""},
		{"a writer and a handler", "type h struct{ c *redis.Client }\n\nfunc (h) ServeHTTP(w http.ResponseWriter, r *http.Request) { page.Execute(w, r.URL.Query()) }\n\nfunc f(c *redis.Client) http.Handler { return h{c} }", ""},
		{"errors beside it", "func f(err error) error { var e *pgconn.PgError; if errors.As(err, &e) { return fmt.Errorf(`%s: %w`, e.Code, err) }; slog.Error(`x`, `error`, err); return nil }", ""},
		{"a pool beside it", "func f(ctx context.Context, p *pgxpool.Pool) error { _, err := p.Exec(ctx, `select $1`, 1); return err }", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lab := &course.Lab{Files: []string{"x.go"}, Imports: []string{"github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgconn",
				"github.com/jackc/pgx/v5/pgxpool", "github.com/redis/go-redis/v9", "os"}}
			found, err := checker().Check(t.Context(), lab, map[string][]byte{"x.go": []byte(begin + tt.code + "\n")})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range found {
				got = append(got, v.What)
			}
			if want := slices.DeleteFunc([]string{tt.want}, func(s string) bool { return s == "" }); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q: %v", got, want, found)
			}
			if len(found) > 0 && !strings.Contains(found[0].Why, "a template calls any method") {
				t.Errorf("got %v", found[0])
			}
		})
	}
}
