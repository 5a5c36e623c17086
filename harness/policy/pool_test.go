package policy_test

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
)

// TestCheck_pool is about connections that the checks would know nothing of.
func TestCheck_pool(t *testing.T) {
	t.Parallel()
	l := &course.Lab{Files: []string{"x.go"}, Imports: []string{"github.com/jackc/pgx/v5",
		"github.com/jackc/pgx/v5/pgconn", "github.com/jackc/pgx/v5/pgxpool"}}
	for _, tt := range []struct{ name, code, want string }{
		{"the pool that is given", "func f(ctx context.Context, p *pgxpool.Pool) error { return pgx.BeginFunc(ctx, p, func(tx pgx.Tx) error { " +
			"_, err := tx.Exec(ctx, ``); return err }) }", ""},
		{"a connection of it", "func f(ctx context.Context, p *pgxpool.Pool) { c, _ := p.Acquire(ctx); defer c.Release(); " +
			"c.Conn().WaitForNotification(ctx); c.Conn().Exec(ctx, ``); var e *pgconn.PgError; _ = e }", ""},
		{"another pool", "func f(ctx context.Context, p *pgxpool.Pool) { pgxpool.NewWithConfig(ctx, p.Config()) }", "name pgxpool.NewWithConfig, name .Config"},
		{"another connection", "func f(ctx context.Context, c *pgx.Conn) { pgx.ConnectConfig(ctx, c.Config()) }", "name pgx.ConnectConfig, name .Config"},
		{"by its address", "func f(ctx context.Context) { pgx.Connect(ctx, ``); pgxpool.New(ctx, ``); pgconn.Connect(ctx, ``) }",
			"name pgx.Connect, name pgxpool.New, name pgconn.Connect"},
		{"past the tracer", "func f(ctx context.Context, c *pgx.Conn) { c.PgConn().Exec(ctx, ``) }", "name .PgConn"},
		{"taken out of the pool", "func f(c *pgxpool.Conn) { c.Hijack() }", "name .Hijack"},
		{"by an interface", "func f[C any](p *pgxpool.Pool) { _ = any(p).(interface{ Config() C }) }", "name an interface with Config"},
		{"an interface with a Config of its own", "type i interface{ Config() string }", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, text := range check(t, l, "package x\n\nimport (\n\t\"context\"\n\n\t\"github.com/jackc/pgx/v5\"\n"+
				"\t\"github.com/jackc/pgx/v5/pgconn\"\n\t\"github.com/jackc/pgx/v5/pgxpool\"\n)\n\n"+
				"var (\n\t_ context.Context\n\t_ pgx.Tx\n\t_ pgxpool.Stat\n\t_ pgconn.PgError\n)\n\n"+tt.code) {
				_, text, _ = strings.Cut(text, " ")
				rule, rest, _ := strings.Cut(text, ": ")
				what, _, _ := strings.Cut(rest, ": ")
				got = append(got, rule+" "+what)
			}
			if got := strings.Join(got, ", "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
