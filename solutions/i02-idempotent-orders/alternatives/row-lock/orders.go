// Package orders creates each order, and charges for it, exactly once, however often the request arrives.
//
// This one holds the key's row locked in a transaction from before the charge until the order is committed. The lock
// needs no expiry: it is gone when the connection is. The price is a connection, and an open transaction, for as long
// as the gateway takes.
package orders

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

// Schema returns the DDL of what idempotency needs. The primary key of a row is where the key for the gateway comes from.
func Schema() string {
	return `
		CREATE TYPE key_state AS ENUM ('open', 'ordered', 'declined');
		CREATE TABLE keys (
			id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
			user_id     text        NOT NULL,
			key         text        NOT NULL,
			fingerprint bytea       NOT NULL,
			state       key_state   NOT NULL DEFAULT 'open',
			order_id    bigint,
			first_use   timestamptz NOT NULL DEFAULT clock_timestamp(),
			UNIQUE (user_id, key)
		)`
}

// CreateOrder charges req.Cents through gw and adds one row to orders, once for all calls with the same user and key.
func CreateOrder(ctx context.Context, db *pgxpool.Pool, gw Gateway, user, key string, req OrderReq) (OrderRes, error) {
	if req.Qty <= 0 {
		return OrderRes{}, errors.New("the quantity must be positive")
	}
	print, err := fingerprint(req)
	if err != nil {
		return OrderRes{}, err
	}
	// Committed before anything else happens, so that the retry after a crash finds the id that was used.
	_, err = db.Exec(ctx, `INSERT INTO keys (user_id, key, fingerprint) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, user, key, print)
	if err != nil {
		return OrderRes{}, err
	}

	var res OrderRes
	declined := false
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var (
			id, state string
			stored    []byte
			order     *int64
		)
		err := tx.QueryRow(ctx, `SELECT id, fingerprint, state, order_id FROM keys WHERE user_id = $1 AND key = $2 FOR UPDATE NOWAIT`,
			user, key).Scan(&id, &stored, &state, &order)
		if err != nil {
			return err
		}
		switch {
		case !bytes.Equal(stored, print):
			return ErrMismatch
		case state == "declined":
			return ErrDeclined
		case state == "ordered":
			res.OrderID = *order
			return nil
		}
		if err := gw.Charge(ctx, id, req.Cents); errors.Is(err, ErrDeclined) {
			declined = true
			_, err = tx.Exec(ctx, `UPDATE keys SET state = 'declined' WHERE id = $1`, id)
			return err
		} else if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `INSERT INTO orders (user_id, sku, qty, cents) VALUES ($1, $2, $3, $4) RETURNING id`,
			user, req.SKU, req.Qty, req.Cents).Scan(&res.OrderID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE keys SET state = 'ordered', order_id = $2 WHERE id = $1`, id, res.OrderID)
		return err
	})
	var pgErr *pgconn.PgError
	switch {
	case errors.As(err, &pgErr) && pgErr.Code == "55P03": // lock_not_available
		return OrderRes{}, ErrInProgress
	case err != nil:
		return OrderRes{}, err
	case declined:
		return OrderRes{}, ErrDeclined
	}
	return res, nil
}

// fingerprint is a hash of the request in a form in which equal JSON is equal text.
func fingerprint(req OrderReq) ([]byte, error) {
	note := []byte("null")
	if len(req.Note) > 0 {
		dec := json.NewDecoder(bytes.NewReader(req.Note))
		dec.UseNumber() // a float64 would make big numbers equal that are not
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("note: %w", err)
		}
		var err error
		if note, err = json.Marshal(v); err != nil { // sorts the members
			return nil, fmt.Errorf("note: %w", err)
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %d %s", req.SKU, req.Qty, req.Cents, note))
	return sum[:], nil
}

// Reap forgets the keys whose first use is longer ago than olderThan, and returns how many those were.
func Reap(ctx context.Context, db *pgxpool.Pool, olderThan time.Duration) (int, error) {
	tag, err := db.Exec(ctx, `DELETE FROM keys WHERE first_use < now() - make_interval(secs => $1)`, olderThan.Seconds())
	return int(tag.RowsAffected()), err
}
