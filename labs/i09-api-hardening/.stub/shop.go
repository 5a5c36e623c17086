// Package shop is the API of a shop. It works, and it has holes: the README says what is to hold.
package shop

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// App is the shop.
type App struct {
	DB            *pgxpool.Pool
	HTTP          *http.Client
	Resolve       func(ctx context.Context, host string) ([]netip.Addr, error)
	Now           func() time.Time
	CheckPassword func(hash, password string) bool
}

// Handler returns the API.
func (a *App) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", open(a.login))
	mux.HandleFunc("GET /me", a.signedIn(a.getMe))
	mux.HandleFunc("PATCH /me", a.signedIn(a.patchMe))
	mux.HandleFunc("GET /orders", a.signedIn(a.listOrders))
	mux.HandleFunc("GET /orders/{id}", a.signedIn(a.getOrder))
	mux.HandleFunc("PUT /orders/{id}", a.signedIn(a.putOrder))
	mux.HandleFunc("DELETE /admin/users/{id}", open(a.deleteUser)) // only the admin's page has it
	mux.HandleFunc("POST /webhooks", a.signedIn(a.addWebhook))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The single-page app is served from elsewhere.
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		mux.ServeHTTP(w, r)
	})
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	var told status
	switch {
	case errors.As(err, &told):
		code = int(told)
	case errors.Is(err, pgx.ErrNoRows):
		code = http.StatusNotFound
	}
	send(w, code, map[string]string{"error": err.Error()})
}

// open is for everybody.
func open(h func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			fail(w, err)
		}
	}
}

// handler serves a request of a user.
type handler func(w http.ResponseWriter, r *http.Request, me user) error

// signedIn is for whoever has the cookie of a session.
func (a *App) signedIn(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		me, err := a.caller(r)
		if err == nil {
			err = h(w, r, me)
		}
		if err != nil {
			fail(w, err)
		}
	}
}

func (a *App) caller(r *http.Request) (user, error) {
	cookie, err := r.Cookie("session")
	if err != nil {
		return user{}, status(401)
	}
	rows, _ := a.DB.Query(r.Context(), `SELECT u.* FROM users u JOIN sessions s ON s.user_id = u.id
		WHERE s.token = $1`, cookie.Value)
	me, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[user])
	if errors.Is(err, pgx.ErrNoRows) {
		return user{}, status(401)
	}
	return me, err
}

func (a *App) login(w http.ResponseWriter, r *http.Request) error {
	var body struct{ Email, Password string }
	if err := decode(r.Body, &body, false); err != nil {
		return err
	}
	rows, _ := a.DB.Query(r.Context(), `SELECT * FROM users WHERE email = $1`, body.Email)
	u, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[user])
	if err != nil {
		return err
	}
	if !a.CheckPassword(u.PasswordHash, body.Password) {
		return status(401)
	}
	token := rand.Text()
	_, err = a.DB.Exec(r.Context(), `INSERT INTO sessions (token, user_id) VALUES ($1, $2)`,
		token, u.ID)
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: "session", Value: token, Path: "/"})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *App) getMe(w http.ResponseWriter, r *http.Request, me user) error {
	return send(w, 200, me)
}

func (a *App) patchMe(w http.ResponseWriter, r *http.Request, me user) error {
	if err := decode(r.Body, &me, false); err != nil {
		return err
	}
	_, err := a.DB.Exec(r.Context(), `UPDATE users SET email = $2, name = $3, role = $4
		WHERE id = $1`, me.ID, me.Email, me.Name, me.Role)
	if err != nil {
		return err
	}
	return send(w, 200, me)
}

func (a *App) listOrders(w http.ResponseWriter, r *http.Request, me user) error {
	query := r.URL.Query()
	whose := cmp.Or(query.Get("user_id"), strconv.FormatInt(me.ID, 10)) // for the admin's page
	sql := fmt.Sprintf(`SELECT id, item, price, note FROM orders
		WHERE user_id = %s AND item LIKE '%%%s%%' ORDER BY %s LIMIT %s`, whose, query.Get("q"),
		cmp.Or(query.Get("sort"), "id"), cmp.Or(query.Get("limit"), "20"))
	// Each query is another one, so there is no use in preparing it.
	rows, _ := a.DB.Query(r.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	orders, err := pgx.CollectRows(rows, pgx.RowToStructByName[order])
	if err != nil {
		return err
	}
	return send(w, 200, orders)
}

func (a *App) getOrder(w http.ResponseWriter, r *http.Request, _ user) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return status(404)
	}
	rows, _ := a.DB.Query(r.Context(), `SELECT id, item, price, note FROM orders WHERE id = $1`, id)
	o, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[order])
	if err != nil {
		return err
	}
	return send(w, 200, o)
}

func (a *App) putOrder(w http.ResponseWriter, r *http.Request, _ user) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return status(404)
	}
	var o order
	err = pgx.BeginFunc(r.Context(), a.DB, func(tx pgx.Tx) error {
		rows, _ := tx.Query(r.Context(), `SELECT id, item, price, note FROM orders
			WHERE id = $1 FOR UPDATE`, id)
		if o, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[order]); err != nil {
			return err
		}
		if err := decode(r.Body, &o, false); err != nil {
			return err
		}
		_, err := tx.Exec(r.Context(), `UPDATE orders SET price = $2, note = $3 WHERE id = $1`,
			id, o.Price, o.Note)
		return err
	})
	if err != nil {
		return err
	}
	return send(w, 200, o)
}

func (a *App) deleteUser(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return status(404)
	}
	tag, err := a.DB.Exec(r.Context(), `DELETE FROM users WHERE id = $1`, id)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return status(404)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *App) addWebhook(w http.ResponseWriter, r *http.Request, me user) error {
	var body struct{ URL string }
	if err := decode(r.Body, &body, false); err != nil {
		return err
	}
	answer, err := call(r.Context(), via(a.HTTP, a.choose), body.URL)
	if err != nil {
		return fmt.Errorf("%w: %w", status(422), err)
	}
	var id int64
	err = a.DB.QueryRow(r.Context(), `INSERT INTO webhooks (user_id, url) VALUES ($1, $2)
		RETURNING id`, me.ID, body.URL).Scan(&id)
	if err != nil {
		return err
	}
	return send(w, 201, map[string]any{"id": id, "url": body.URL, "answer": answer})
}

// call sends a first event to a webhook, and returns what it answers.
func call(ctx context.Context, c *http.Client, url string) (string, error) {
	event := strings.NewReader(`{"event":"hello"}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, event)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return "", fmt.Errorf("it answers %s", resp.Status)
	}
	answer, err := io.ReadAll(resp.Body)
	return string(answer), err
}

// choose returns the address that a webhook on this host is called at.
func (a *App) choose(ctx context.Context, host string) (netip.Addr, error) {
	addrs, err := a.Resolve(ctx, host)
	if err != nil || len(addrs) == 0 {
		return netip.Addr{}, fmt.Errorf("no address: %w", err)
	}
	return addrs[0], nil
}

// What follows is given: what is tedious, and no part of the question. Nothing in it need be
// changed.

// Schema is the database that App.DB leads to.
const Schema = `
	CREATE TABLE users (
		id            bigserial PRIMARY KEY,
		email         text NOT NULL UNIQUE,
		name          text NOT NULL,
		role          text NOT NULL DEFAULT 'user', -- or 'admin'
		password_hash text NOT NULL
	);
	CREATE TABLE sessions (
		token   text PRIMARY KEY,
		user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE
	);
	CREATE TABLE orders (
		id      bigserial PRIMARY KEY,
		user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
		item    text NOT NULL,
		price   bigint NOT NULL,
		note    text NOT NULL
	);
	CREATE TABLE webhooks (
		id      bigserial PRIMARY KEY,
		user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
		url     text NOT NULL
	)`

// user is a row of users.
type user struct {
	ID           int64  `json:"id"`
	Email        string `json:"email"`
	Name         string `json:"name"`
	Role         string `json:"role"`
	PasswordHash string `json:"password_hash"`
}

// order is a row of orders, without the user to whom it belongs.
type order struct {
	ID    int64  `json:"id"`
	Item  string `json:"item"`
	Price int64  `json:"price"`
	Note  string `json:"note"`
}

// UnknownHash is the hash of no password, for an e-mail address that nobody has.
const UnknownHash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

// status is an error that is told to the client by this status.
type status int

func (s status) Error() string { return http.StatusText(int(s)) }

// decode reads the one JSON value that r must be into v. What is wrong with it is a status 422, and
// wraps the error of r, if that has one. Strict, it refuses members that v does not have.
func decode(r io.Reader, v any, strict bool) error {
	d := json.NewDecoder(r)
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", status(422), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w behind the value: %w", status(422), err)
	}
	return nil
}

// send answers with v as JSON.
func send(w http.ResponseWriter, code int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	return json.NewEncoder(w).Encode(v)
}

// via is the client c, but for each connection it asks choose, with the host of the URL, which
// address to connect to. It does so for redirects, too.
func via(c *http.Client, choose func(context.Context, string) (netip.Addr, error)) *http.Client {
	transport := c.Transport.(*http.Transport).Clone()
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		ip, err := choose(ctx, host)
		if err != nil {
			return nil, err
		}
		return dial(ctx, network, net.JoinHostPort(ip.String(), port))
	}
	client := *c
	client.Transport = transport
	return &client
}
