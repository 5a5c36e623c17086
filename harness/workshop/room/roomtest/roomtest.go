// Package roomtest gives tests databases for rooms: SQLite, and Postgres where this machine has one.
package roomtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/backend-labs/backend-labs/harness/backends"
)

// server is a Postgres that the tests of a package share.
var server struct {
	once sync.Once
	dir  string
	set  *backends.Set
	err  error
}

// Main runs the tests of a package and ends the server that they have started; it is to be called by TestMain, which
// exits with what it returns.
func Main(m *testing.M) int {
	code := m.Run()
	if server.set != nil {
		server.set.Close()
	}
	if server.dir != "" {
		os.RemoveAll(server.dir)
	}
	return code
}

// Each runs a test on an empty database of each kind. It is given the URL.
func Each(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t)) })
}

// SQLite is the URL of an empty database.
func SQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "room.db")
}

// Postgres is the URL of an empty database. The test is skipped where there is no Postgres.
func Postgres(t testing.TB) string {
	t.Helper()
	need := backends.Need{Postgres: true}
	server.once.Do(func() {
		if server.dir, server.err = os.MkdirTemp("", "room"); server.err != nil {
			return
		}
		server.set, server.err = backends.Open(context.Background(), backends.Options{Provider: backends.Local,
			Dir: server.dir, Slots: 4}, need)
		if server.err == nil {
			server.err = server.set.Missing(need)
		}
	})
	if server.err != nil {
		t.Skipf("there is no Postgres here: %v", server.err)
	}
	lease, err := server.set.Acquire(t.Context(), need)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lease.Release)
	return lease.Postgres
}
