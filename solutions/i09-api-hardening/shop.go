// Package shop is the API of a shop. It works, and it has holes: the README says what is to hold.
package shop

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

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

	guesses guesses
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
	mux.HandleFunc("DELETE /admin/users/{id}", a.signedIn(adminsOnly(a.deleteUser)))
	mux.HandleFunc("POST /webhooks", a.signedIn(a.addWebhook))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
}

const maxBody = 1 << 20

// fail answers with an error. Of its text nothing is told: it may have anything in it.
func fail(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	var told status
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		code = http.StatusRequestEntityTooLarge
	case errors.As(err, &told):
		code = int(told)
	case errors.Is(err, pgx.ErrNoRows):
		code = http.StatusNotFound
	}
	send(w, code, map[string]string{"error": http.StatusText(code)})
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

// adminsOnly stands where the mux has decided what the request is for: it cannot be got around by
// another way to write the path.
func adminsOnly(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request, me user) error {
		if me.Role != "admin" {
			return status(403)
		}
		return h(w, r, me)
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
	if err := decode(r.Body, &body, true); err != nil {
		return err
	}
	if !a.guesses.take(body.Email, a.Now()) {
		w.Header().Set("Retry-After", strconv.Itoa(int(window/time.Second)))
		return status(429)
	}
	rows, _ := a.DB.Query(r.Context(), `SELECT * FROM users WHERE email = $1`, body.Email)
	u, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[user])
	known := err == nil
	if errors.Is(err, pgx.ErrNoRows) {
		u.PasswordHash = UnknownHash // as much work as for a user
	} else if err != nil {
		return err
	}
	if !a.CheckPassword(u.PasswordHash, body.Password) || !known {
		return status(401)
	}
	a.guesses.giveBack(body.Email)
	token := rand.Text()
	_, err = a.DB.Exec(r.Context(), `INSERT INTO sessions (token, user_id) VALUES ($1, $2)`,
		token, u.ID)
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: "session", Value: token, Path: "/",
		HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

const (
	window     = time.Minute
	maxGuesses = 4 // in a window; two windows that meet allow 8 within a minute
)

// guesses counts wrong passwords for each e-mail address, whether or not somebody has it, and
// whoever it is that guesses. With each window it begins anew, so it does not grow for ever.
type guesses struct {
	mu    sync.Mutex
	began time.Time
	wrong map[string]int
}

// take counts a guess before it is looked at: many may be under way at once.
func (g *guesses) take(email string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.began) >= window {
		g.began, g.wrong = now, map[string]int{}
	}
	if g.wrong[email] >= maxGuesses {
		return false
	}
	g.wrong[email]++
	return true
}

// giveBack takes a guess off that was right.
func (g *guesses) giveBack(email string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wrong[email] > 0 { // a new window may have begun
		g.wrong[email]--
	}
}

// profile is what a user is shown of themselves.
type profile struct {
	ID    int64  `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  string `json:"role"`
}

func (a *App) getMe(w http.ResponseWriter, r *http.Request, u user) error {
	return send(w, 200, profile{u.ID, u.Email, u.Name, u.Role})
}

func (a *App) patchMe(w http.ResponseWriter, r *http.Request, u user) error {
	body := struct{ Name string }{u.Name}
	if err := decode(r.Body, &body, true); err != nil {
		return err
	}
	_, err := a.DB.Exec(r.Context(), `UPDATE users SET name = $2 WHERE id = $1`, u.ID, body.Name)
	if err != nil {
		return err
	}
	return send(w, 200, profile{u.ID, u.Email, body.Name, u.Role})
}

// columns are those that orders can be sorted by. A name cannot be a parameter of a query, so it is
// looked up.
var columns = map[string]string{"": "id", "id": "id", "price": "price", "item": "item"}

func (a *App) listOrders(w http.ResponseWriter, r *http.Request, u user) error {
	query := r.URL.Query()
	column, ok := columns[query.Get("sort")]
	q := query.Get("q")
	if !ok || strings.Contains(q, "\x00") || !utf8.ValidString(q) {
		return status(400)
	}
	limit := 20
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return status(400)
		}
		limit = min(n, 100)
	}
	rows, _ := a.DB.Query(r.Context(), `SELECT id, item, price, note FROM orders
		WHERE user_id = $1 AND strpos(item, $2) > 0 ORDER BY `+column+`, id LIMIT $3`, u.ID, q, limit)
	orders, err := pgx.CollectRows(rows, pgx.RowToStructByName[order])
	if err != nil {
		return err
	}
	return send(w, 200, orders)
}

// getOrder asks for an order of this user. That of another is none.
func (a *App) getOrder(w http.ResponseWriter, r *http.Request, u user) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return status(404)
	}
	rows, _ := a.DB.Query(r.Context(), `SELECT id, item, price, note FROM orders
		WHERE id = $1 AND user_id = $2`, id, u.ID)
	o, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[order])
	if err != nil {
		return err
	}
	return send(w, 200, o)
}

// putOrder reads all of the body before it asks for a connection: a body may take its time.
func (a *App) putOrder(w http.ResponseWriter, r *http.Request, u user) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return status(404)
	}
	var body struct{ Note *string }
	if err := decode(r.Body, &body, true); err != nil {
		return err
	}
	rows, _ := a.DB.Query(r.Context(), `UPDATE orders SET note = coalesce($3, note)
		WHERE id = $1 AND user_id = $2 RETURNING id, item, price, note`, id, u.ID, body.Note)
	o, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[order])
	if err != nil {
		return err
	}
	return send(w, 200, o)
}

func (a *App) deleteUser(w http.ResponseWriter, r *http.Request, _ user) error {
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

func (a *App) addWebhook(w http.ResponseWriter, r *http.Request, u user) error {
	var body struct{ URL string }
	if err := decode(r.Body, &body, true); err != nil {
		return err
	}
	if err := call(r.Context(), a.outside(), body.URL); err != nil {
		return fmt.Errorf("%w: %w", status(422), err)
	}
	var id int64
	err := a.DB.QueryRow(r.Context(), `INSERT INTO webhooks (user_id, url) VALUES ($1, $2)
		RETURNING id`, u.ID, body.URL).Scan(&id)
	if err != nil {
		return err
	}
	return send(w, 201, map[string]any{"id": id, "url": body.URL})
}

// call sends a first event to a webhook.
func call(ctx context.Context, c *http.Client, url string) error {
	event := strings.NewReader(`{"event":"hello"}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, event)
	if err != nil {
		return err
	}
	if err := httpsOnly(req, nil); err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}

// outside is a client that leads to public addresses alone, also by a redirect.
func (a *App) outside() *http.Client {
	client := via(a.HTTP, a.choose)
	client.CheckRedirect = httpsOnly
	client.Transport.(*http.Transport).DisableKeepAlives = true // it is used once
	return client
}

func httpsOnly(r *http.Request, before []*http.Request) error {
	if r.URL.Scheme != "https" || len(before) > 3 {
		return errors.New("only https is spoken, and not for ever")
	}
	return nil
}

// choose returns the address that a webhook on this host is called at: what was looked at and what
// is used are one.
func (a *App) choose(ctx context.Context, host string) (netip.Addr, error) {
	addrs, err := a.Resolve(ctx, host)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(addrs) == 0 || !allOf(addrs, allowed) {
		return netip.Addr{}, errors.New("not a public address")
	}
	return addrs[0], nil
}

func allOf(addrs []netip.Addr, ok func(netip.Addr) bool) bool {
	return !slices.ContainsFunc(addrs, func(ip netip.Addr) bool { return !ok(ip) })
}

// thisNetwork and carrier are what netip has no name for: RFC 1122, section 3.2.1.3, and RFC 6598.
var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	carrier     = netip.MustParsePrefix("100.64.0.0/10")
)

func allowed(ip netip.Addr) bool {
	ip = ip.Unmap()
	return !ip.IsLoopback() && !ip.IsPrivate() && !ip.IsLinkLocalUnicast() && !ip.IsMulticast() &&
		!ip.IsUnspecified() && !thisNetwork.Contains(ip) && !carrier.Contains(ip)
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
