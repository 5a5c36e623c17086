// Package orders creates each order, and charges for it, exactly once, however often the request arrives.
//
// This one takes no lock at all. The first statement reserves the order's id under the key; whoever comes with the same
// key gets the same id, and everything that follows is done under that id and harmless to repeat. So calls for one key
// may run side by side, crash and be overtaken: they all do the same, once.
package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// OrderReq is what a customer asks for.
type OrderReq struct {
	SKU   string
	Qty   int             // at least 1
	Cents int             // the total, which is what the card is charged
	Note  json.RawMessage // any JSON value, or nil
}

// OrderRes is the answer to an order that was created.
type OrderRes struct {
	OrderID int64
}

// The errors that a caller of CreateOrder tells apart, with errors.Is.
var (
	ErrMismatch   = errors.New("the key has been used for another request") // HTTP status 422
	ErrInProgress = errors.New("a request with this key is under way")      // HTTP status 409
	ErrDeclined   = errors.New("the card was declined")                     // from Gateway.Charge, also wrapped
)

// Gateway charges cards. It is remote: a call may fail although the card has been charged. Calls with one key, however
// many, charge the card once.
type Gateway interface {
	Charge(ctx context.Context, key string, cents int) error
}

// Schema returns the DDL of what idempotency needs.
func Schema() string {
	return `
		CREATE TABLE reservations (
			user_id  text  NOT NULL,
			key      text  NOT NULL,
			request  jsonb NOT NULL,
			order_id bigint NOT NULL DEFAULT nextval('orders_id_seq'),
			declined boolean NOT NULL DEFAULT false,
			at       timestamptz NOT NULL DEFAULT now(),
			PRIMARY KEY (user_id, key)
		)`
}

// CreateOrder charges req.Cents through gw and adds one row to orders, once for all calls with the same user and key.
func CreateOrder(ctx context.Context, db *pgxpool.Pool, gw Gateway, user, key string, req OrderReq) (OrderRes, error) {
	if req.Qty < 1 {
		return OrderRes{}, fmt.Errorf("quantity %d", req.Qty)
	}
	request, err := json.Marshal(req)
	if err != nil {
		return OrderRes{}, err
	}
	var (
		id                   int64
		same, declined, done bool
	)
	// The update that changes nothing makes the statement return the row that is there.
	err = db.QueryRow(ctx, `
		INSERT INTO reservations AS r (user_id, key, request) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, key) DO UPDATE SET order_id = r.order_id
		RETURNING order_id, request = $3, declined, EXISTS (SELECT FROM orders o WHERE o.id = r.order_id)`,
		user, key, request).Scan(&id, &same, &declined, &done)
	switch {
	case err != nil:
		return OrderRes{}, err
	case !same:
		return OrderRes{}, ErrMismatch
	case declined:
		return OrderRes{}, ErrDeclined
	case done:
		return OrderRes{OrderID: id}, nil
	}

	err = gw.Charge(ctx, fmt.Sprintf("order-%d", id), req.Cents)
	if errors.Is(err, ErrDeclined) {
		if _, err := db.Exec(ctx, `UPDATE reservations SET declined = true WHERE user_id = $1 AND key = $2 AND order_id = $3`, user, key, id); err != nil {
			return OrderRes{}, err
		}
		return OrderRes{}, ErrDeclined
	}
	if err != nil {
		return OrderRes{}, err
	}
	_, err = db.Exec(ctx, `INSERT INTO orders (id, user_id, sku, qty, cents) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
		id, user, req.SKU, req.Qty, req.Cents)
	if err != nil {
		return OrderRes{}, err
	}
	return OrderRes{OrderID: id}, nil
}

// Reap forgets the keys whose first use is longer ago than olderThan, and returns how many those were.
func Reap(ctx context.Context, db *pgxpool.Pool, olderThan time.Duration) (int, error) {
	tag, err := db.Exec(ctx, `DELETE FROM reservations WHERE at < now() - $1::interval`, olderThan)
	return int(tag.RowsAffected()), err
}
