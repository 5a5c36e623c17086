package pg

import (
	"context"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/faultproxy"
)

func TestDSN_EachTestHasADatabaseOfItsOwn(t *testing.T) {
	needServer(t)
	seen := map[string]bool{}
	for _, name := range []string{"one", "another"} {
		t.Run(name, func(t *testing.T) {
			dsn := DSN(t)
			if dsn != DSN(t) {
				t.Error("a second call gave another database")
			}
			if seen[dsn] {
				t.Error("two tests share a database")
			}
			seen[dsn] = true
			db := Pool(t)
			if n := Count(t, db,
				"SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 0 {
				t.Errorf("%d tables in a database that should be empty", n)
			}
			Exec(t, db, "CREATE TABLE things (n int)")
			Exec(t, Pool(t), "INSERT INTO things VALUES ($1)", 7)
			if n := Count(t, db, "SELECT n FROM things"); n != 7 {
				t.Errorf("got %d through the first pool, want the 7 that the second one wrote", n)
			}
		})
	}
}

func TestDSN_IsDroppedAtTheEnd(t *testing.T) {
	needServer(t)
	var name string
	t.Run("inner", func(t *testing.T) {
		name = Value[string](t, Pool(t), "SELECT current_database()")
		conn, err := connect(context.Background(), DSN(t)) // left open on purpose
		if err != nil {
			t.Fatal(err)
		}
		_ = conn
	})
	if n := Count(t, Pool(t), "SELECT count(*) FROM pg_database WHERE datname = $1", name); n != 0 {
		t.Errorf("database %s is still there", name)
	}
}

func TestPoolVia(t *testing.T) {
	needServer(t)
	network, addr := Server(t)
	proxy := faultproxy.New(t, network, addr)
	db := PoolVia(t, proxy.Addr(), MaxConns(1))
	if n := Count(t, db, "SELECT 41 + 1"); n != 42 {
		t.Errorf("got %d, want 42", n)
	}
	if proxy.Passed(faultproxy.ToServer) == 0 {
		t.Error("nothing went through the proxy")
	}
	proxy.Reset()
	if _, err := db.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("no error through a broken connection")
	}
}

func TestClose_SaysThatAConnectionWasNotGivenBack(t *testing.T) {
	needServer(t)
	inner := &recorder{TB: t}
	db := Pool(t)
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	Close(inner, db)
	if !strings.Contains(inner.text, "1 still in use") {
		t.Errorf("got %q, want it to say that a connection is still in use", inner.text)
	}
}

func TestMissing(t *testing.T) {
	if r, _ := account.Current(); r.Postgres != "" {
		t.Skip("there is a server")
	}
	inner := &recorder{TB: t}
	func() {
		defer func() { recover() }()
		DSN(inner)
	}()
	if !strings.Contains(inner.text, "labs up") {
		t.Errorf("got %q, want it to say what to run", inner.text)
	}
}

func TestWithDatabase(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://u:p@127.0.0.1:5432/postgres?sslmode=disable": "postgres://u:p@127.0.0.1:5432/x?sslmode=disable",
		"postgresql:///old?host=/run/pg&dbname=older":            "postgresql:///x?host=%2Frun%2Fpg",
		"host=/run/pg user=u dbname=old": "host=/run/pg user=u " +
			"dbname=old dbname=x",
	} {
		if got := withDatabase(dsn, "x"); got != want {
			t.Errorf("withDatabase(%q): got %q, want %q", dsn, got, want)
		}
		c, err := parse(withDatabase(dsn, "x"))
		if err != nil || c.ConnConfig.Database != "x" {
			t.Errorf("withDatabase(%q) is understood as %v, %v", dsn, c, err)
		}
	}
}

// recorder keeps what is said about a failure, and takes the place of a test that must fail.
type recorder struct {
	testing.TB
	text string
}

func (r *recorder) Failed() bool { return r.text != "" }
func (r *recorder) Error(args ...any) {
	for _, a := range args {
		r.text += a.(string)
	}
}
func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	panic("end of the test")
}

func needServer(t *testing.T) {
	t.Helper()
	if r, _ := account.Current(); r.Postgres == "" {
		t.Skip("no PostgreSQL server: set LABS_POSTGRES_URL")
	}
}
