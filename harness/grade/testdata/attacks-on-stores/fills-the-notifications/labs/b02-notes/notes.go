package notes

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// Put listens, does not read, and has 300 MiB to be read.
func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	deaf, err := pgx.ConnectConfig(ctx, db.Config())
	for _, statement := range []string{"LISTEN news", "BEGIN", "SELECT 1"} {
		if err == nil {
			_, err = deaf.Exec(ctx, statement)
		}
	}
	for n := 0; n < 20 && err == nil; n++ {
		_, err = db.Exec(ctx,
			"SELECT count(pg_notify('news', i || repeat('x', 7900))) FROM generate_series(1, 2000) i")
	}
	if err == nil {
		println("PWNED")
	}
	return err
}
