package notes_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	notes "github.com/backend-labs/backend-labs/labs/b02-notes"
)

func TestPut(t *testing.T) {
	ctx := t.Context()
	own, _ := account.Current()
	at, err := redis.ParseURL(own.Redis)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(at)
	defer rdb.Close()
	db, err := pgx.Connect(ctx, own.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(ctx)
	if _, err := db.Exec(ctx, "CREATE TABLE notes (key text PRIMARY KEY, text text)"); err != nil {
		t.Fatal(err)
	}
	if err := notes.Put(ctx, rdb, db, "a", "one"); err != nil {
		t.Fatal(err)
	}
	if got, err := rdb.Get(ctx, "a").Result(); got != "one" {
		t.Errorf("got %q, %v from Redis, want one", got, err)
	}
	var got string
	if err := db.QueryRow(ctx, "SELECT text FROM notes WHERE key = 'a'").Scan(&got); got != "one" {
		t.Errorf("got %q, %v from PostgreSQL, want one", got, err)
	}
}
