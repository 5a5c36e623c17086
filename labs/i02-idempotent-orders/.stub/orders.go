// Package orders creates each order, and charges for it, exactly once, however often the request arrives.
package orders

import (
	"context"
	"encoding/json"
	"errors"
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

// Schema returns the DDL of what idempotency needs. It is executed once, by the role that owns the database, in which
// this table exists already:
//
//	CREATE TABLE orders (
//		id         bigserial   PRIMARY KEY,
//		user_id    text        NOT NULL,
//		sku        text        NOT NULL,
//		qty        int         NOT NULL CHECK (qty > 0),
//		cents      int         NOT NULL,
//		created_at timestamptz NOT NULL DEFAULT now()
//	)
func Schema() string {
	return "" // your DDL
}

// CreateOrder charges req.Cents through gw and adds one row to orders, once for all calls with the same user and key:
// later calls get the outcome of the first. A request other than the first one's gets ErrMismatch. A call that finds
// another one of the same user and key under way waits for it or returns ErrInProgress, for at most 2 s if that one has
// died.
//
// The outcome of a key is an order or ErrDeclined. An invalid request (Qty < 1) or any other error of gw is none: the
// error is returned, and the key can be used again, after an error of gw with the same key for the gateway.
//
// It is called by several instances of the service at the same time, which share nothing but the database.
func CreateOrder(ctx context.Context, db *pgxpool.Pool, gw Gateway, user, key string, req OrderReq) (OrderRes, error) {
	return OrderRes{}, errors.New("not written yet") // your code
}

// Reap forgets the keys whose first use is longer ago than olderThan, and returns how many those were. The orders stay.
// A key that has been forgotten is new again, to the gateway as well.
func Reap(ctx context.Context, db *pgxpool.Pool, olderThan time.Duration) (int, error) {
	return 0, nil // your code
}
