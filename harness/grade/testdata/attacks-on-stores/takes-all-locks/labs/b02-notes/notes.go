package notes

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// Put holds locks for a while.
func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	const locks = "SELECT pg_advisory_lock(i) FROM generate_series(1, 50000) i"
	_, err := db.Exec(ctx, locks)
	time.Sleep(2 * time.Second)
	if err == nil {
		err = db.Ping(ctx)
	}
	if err == nil {
		println("PWNED")
	}
	return err
}
