package backends

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// pgPool keeps a few connections for statements that stand alone. The full pool of pgx would be one
// dependency more.
type pgPool struct {
	config *pgx.ConnConfig
	slots  chan *pgx.Conn // nil: not connected yet, or no longer
}

func newPGPool(config *pgx.ConnConfig, n int) *pgPool {
	p := &pgPool{config, make(chan *pgx.Conn, n)}
	for range n {
		p.slots <- nil
	}
	return p
}

// statementLimit is how long a statement may take.
const statementLimit = 20 * time.Second

// exec executes a statement. Once it is begun, it is not cut off when ctx ends: the server would go
// on with it all the same, perhaps after what it makes has been dropped.
func (p *pgPool) exec(ctx context.Context, statement string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var conn *pgx.Conn
	select {
	case conn = <-p.slots:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		if conn != nil && conn.IsClosed() {
			conn = nil
		}
		p.slots <- conn
	}()
	if conn == nil {
		var err error
		if conn, err = pgx.ConnectConfig(ctx, p.config); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statementLimit)
	defer cancel()
	_, err := conn.Exec(ctx, statement, args...)
	return err
}

// close waits for statements that are being executed.
func (p *pgPool) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for range cap(p.slots) {
		if conn := <-p.slots; conn != nil {
			conn.Close(ctx)
		}
	}
}
