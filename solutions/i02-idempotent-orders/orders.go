// Package orders creates each order, and charges for it, exactly once, however often the request arrives.
package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
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

const (
	// lease is how long a call has its key to itself. It only keeps duplicates from doing the same work: a call that
	// takes longer is overtaken and still does no harm, because complete looks again before it writes.
	lease = 500 * time.Millisecond

	// recording is how long a call may go on, once the card is charged, after its caller has gone.
	recording = 5 * time.Second
)

// Schema returns the DDL of what idempotency needs.
//
// The primary key is what decides between two calls at the same moment. request is the fingerprint: jsonb compares JSON
// as values. charge_key is fixed before the first attempt, so that all attempts share it, and random, so that a key that
// is used again after a Reap gets another.
func Schema() string {
	return `
		CREATE TABLE idempotency_keys (
			user_id      text        NOT NULL,
			key          text        NOT NULL,
			request      jsonb       NOT NULL,
			charge_key   text        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
			locked_until timestamptz NOT NULL,
			order_id     bigint      REFERENCES orders,
			declined     boolean     NOT NULL DEFAULT false,
			created_at   timestamptz NOT NULL DEFAULT now(),
			PRIMARY KEY (user_id, key)
		);
		CREATE INDEX ON idempotency_keys (created_at);`
}

// CreateOrder charges req.Cents through gw and adds one row to orders, once for all calls with the same user and key.
func CreateOrder(ctx context.Context, db *pgxpool.Pool, gw Gateway, user, key string, req OrderReq) (OrderRes, error) {
	// Before the key is touched: the client may correct its request under the same key.
	if req.Qty < 1 {
		return OrderRes{}, fmt.Errorf("quantity %d: at least 1 is needed", req.Qty)
	}
	request, err := json.Marshal(req)
	if err != nil {
		return OrderRes{}, fmt.Errorf("note: %w", err)
	}

	chargeKey, err := claim(ctx, db, user, key, request)
	if errors.Is(err, pgx.ErrNoRows) {
		return recall(ctx, db, user, key, request)
	}
	if err != nil {
		return OrderRes{}, fmt.Errorf("claim the key: %w", err)
	}

	// No transaction is open and no connection is held while the gateway takes its time.
	err = gw.Charge(ctx, chargeKey, req.Cents)

	// Money may have moved. That is written down even if the client has hung up meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer cancel()
	switch {
	case err == nil:
		return complete(ctx, db, user, chargeKey, req)
	case errors.Is(err, ErrDeclined):
		return OrderRes{}, decline(ctx, db, chargeKey)
	default:
		// Charged or not, nobody knows. The key stays, and with it the charge key, for the next attempt to find out. If
		// giving it free fails, the lease runs out.
		db.Exec(ctx, `UPDATE idempotency_keys SET locked_until = now() WHERE charge_key = $1`, chargeKey)
		return OrderRes{}, fmt.Errorf("charge: %w", err)
	}
}

// claim takes the key for this call, if it is new or its last attempt has ended without an outcome, and returns the
// charge key. It returns pgx.ErrNoRows if the key is not to be had. That is one statement: no other call comes between
// the question and the claim.
func claim(ctx context.Context, db *pgxpool.Pool, user, key string, request []byte) (chargeKey string, err error) {
	err = db.QueryRow(ctx, `
		INSERT INTO idempotency_keys AS k (user_id, key, request, locked_until)
		VALUES ($1, $2, $3, now() + $4::interval)
		ON CONFLICT (user_id, key) DO UPDATE SET locked_until = excluded.locked_until
			WHERE k.locked_until <= now() AND k.order_id IS NULL AND NOT k.declined AND k.request = excluded.request
		RETURNING charge_key`, user, key, request, lease).Scan(&chargeKey)
	return chargeKey, err
}

// recall answers from what is stored under a key that cannot be claimed.
func recall(ctx context.Context, db *pgxpool.Pool, user, key string, request []byte) (OrderRes, error) {
	var (
		same, declined bool
		order          *int64
	)
	err := db.QueryRow(ctx, `
		SELECT request = $3, declined, order_id FROM idempotency_keys WHERE user_id = $1 AND key = $2`,
		user, key, request).Scan(&same, &declined, &order)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // reaped since
		return OrderRes{}, ErrInProgress
	case err != nil:
		return OrderRes{}, fmt.Errorf("recall the outcome: %w", err)
	case !same:
		return OrderRes{}, ErrMismatch
	case declined:
		return OrderRes{}, ErrDeclined
	case order != nil:
		return OrderRes{OrderID: *order}, nil
	default:
		return OrderRes{}, ErrInProgress
	}
}

// complete writes the order and the outcome of its key in one transaction: there is never one without the other. A
// COMMIT whose answer is lost is therefore no problem, because the next attempt sees both or neither.
func complete(ctx context.Context, db *pgxpool.Pool, user, chargeKey string, req OrderReq) (res OrderRes, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		// The row lock lets only one in. Whoever comes second, after its lease ran out, finds the order there.
		var order *int64
		err := tx.QueryRow(ctx, `SELECT order_id FROM idempotency_keys WHERE charge_key = $1 FOR UPDATE`,
			chargeKey).Scan(&order)
		if err != nil {
			return err
		}
		if order != nil {
			res.OrderID = *order
			return nil
		}
		err = tx.QueryRow(ctx, `INSERT INTO orders (user_id, sku, qty, cents) VALUES ($1, $2, $3, $4) RETURNING id`,
			user, req.SKU, req.Qty, req.Cents).Scan(&res.OrderID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE idempotency_keys SET order_id = $2 WHERE charge_key = $1`, chargeKey, res.OrderID)
		return err
	})
	if err != nil {
		return OrderRes{}, fmt.Errorf("record the order: %w", err)
	}
	return res, nil
}

// decline makes the refusal the outcome of the key.
func decline(ctx context.Context, db *pgxpool.Pool, chargeKey string) error {
	_, err := db.Exec(ctx, `UPDATE idempotency_keys SET declined = true WHERE charge_key = $1`, chargeKey)
	if err != nil {
		return fmt.Errorf("record that the card was declined: %w", err)
	}
	return ErrDeclined
}

// Reap forgets the keys whose first use is longer ago than olderThan, and returns how many those were.
func Reap(ctx context.Context, db *pgxpool.Pool, olderThan time.Duration) (int, error) {
	tag, err := db.Exec(ctx, `DELETE FROM idempotency_keys WHERE created_at < now() - $1::interval`, olderThan)
	if err != nil {
		return 0, fmt.Errorf("reap: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
