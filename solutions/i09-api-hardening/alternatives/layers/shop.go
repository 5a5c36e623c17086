// Package shop is the API of a shop. It works, and it has holes: the README says what is to hold.
package shop

import (
	"bytes"
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
	"slices"
	"strconv"
	"strings"
	"sync"
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

	locks sync.Map // of *purse, by e-mail address
}

// Handler returns the API: layers around the routes, each of which closes one kind of hole.
func (a *App) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", a.login)
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request, *user){
		"GET /me": a.getMe, "PATCH /me": a.patchMe, "GET /orders": a.listOrders,
		"GET /orders/{id}": a.getOrder, "PUT /orders/{id}": a.putOrder,
		"POST /webhooks": a.addWebhook,
	} {
		mux.Handle(pattern, a.session(h))
	}
	mux.Handle("/admin/", a.session(a.admin)) // all of it, whatever comes there later
	return noSniffing(bounded(withoutOrigins(mux)))
}

type layer = http.Handler

func noSniffing(next layer) layer {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// bounded has read all of a body before anybody else is asked for anything.
func bounded(next layer) layer {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 1<<20 {
			refuse(w, 413)
			return
		}
		var all bytes.Buffer
		n, err := io.CopyN(&all, r.Body, 1<<20+1)
		switch {
		case n > 1<<20:
			refuse(w, 413)
		case err != io.EOF:
			refuse(w, 400)
		default:
			r.Body = io.NopCloser(&all)
			next.ServeHTTP(w, r)
		}
	})
}

// withoutOrigins refuses what pages of other origins send: they have no business here.
func withoutOrigins(next layer) layer {
	return http.NewCrossOriginProtection().Handler(next)
}

func refuse(w http.ResponseWriter, code int) {
	send(w, code, map[string]string{"error": http.StatusText(code)})
}

// failed answers with an error, if there is one.
func failed(w http.ResponseWriter, err error) bool {
	var told status
	switch {
	case err == nil:
		return false
	case errors.As(err, &told):
		refuse(w, int(told))
	case errors.Is(err, pgx.ErrNoRows):
		refuse(w, 404)
	default:
		refuse(w, 500)
	}
	return true
}

func (a *App) session(h func(http.ResponseWriter, *http.Request, *user)) layer {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("session")
		if err != nil {
			refuse(w, 401)
			return
		}
		var me user
		err = a.DB.QueryRow(r.Context(), `SELECT users.id, email, name, role, password_hash
			FROM sessions JOIN users ON user_id = users.id WHERE token = $1`, cookie.Value).
			Scan(&me.ID, &me.Email, &me.Name, &me.Role, &me.PasswordHash)
		if errors.Is(err, pgx.ErrNoRows) {
			refuse(w, 401)
			return
		}
		if !failed(w, err) {
			h(w, r, &me)
		}
	})
}

// purse holds what may still be guessed for one e-mail address: five at most, and one more every
// fifteen seconds, which is less than ten in any minute.
type purse struct {
	mu   sync.Mutex
	left float64
	at   time.Time
}

const (
	full  = 5
	every = 15 * time.Second
)

// take takes one out. The purse stays locked while a password is looked at, so that guesses for
// one address come one after the other; put gives the one back that was right.
func (p *purse) take(now time.Time) bool {
	p.left = min(full, p.left+float64(now.Sub(p.at))/float64(every))
	p.at = now
	if p.left < 1 {
		return false
	}
	p.left--
	return true
}

func (a *App) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ Email, Password string }
	if failed(w, decode(r.Body, &in, true)) {
		return
	}
	kept, _ := a.locks.LoadOrStore(in.Email, &purse{left: full, at: a.Now()})
	p := kept.(*purse)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.take(a.Now()) {
		w.Header().Set("Retry-After", "15")
		refuse(w, 429)
		return
	}
	rows, err := a.DB.Query(r.Context(), `SELECT id, email, name, role, password_hash FROM users
		WHERE email = $1 UNION ALL SELECT 0, '', '', '', $2 ORDER BY id DESC LIMIT 1`,
		in.Email, UnknownHash)
	if failed(w, err) {
		return
	}
	u, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[user])
	if failed(w, err) {
		return
	}
	if ok := a.CheckPassword(u.PasswordHash, in.Password); !ok || u.ID == 0 {
		refuse(w, 401)
		return
	}
	p.left++
	var token string
	err = a.DB.QueryRow(r.Context(), `INSERT INTO sessions (user_id, token)
		VALUES ($1, $2) RETURNING token`, u.ID, rand.Text()).Scan(&token)
	if failed(w, err) {
		return
	}
	cookie := &http.Cookie{Name: "session", Value: token, Path: "/", MaxAge: 86400}
	cookie.HttpOnly, cookie.Secure, cookie.SameSite = true, true, http.SameSiteLaxMode
	http.SetCookie(w, cookie)
	w.WriteHeader(204)
}

// public is a user as it is shown: the hash is covered by a member that is never there.
type public struct {
	*user
	PasswordHash *string `json:"password_hash,omitempty"`
}

func (a *App) getMe(w http.ResponseWriter, r *http.Request, me *user) {
	send(w, 200, public{user: me})
}

func (a *App) patchMe(w http.ResponseWriter, r *http.Request, me *user) {
	var in struct{ Name *string }
	if failed(w, decode(r.Body, &in, true)) {
		return
	}
	err := a.DB.QueryRow(r.Context(), `UPDATE users SET name = coalesce($2, name) WHERE id = $1
		RETURNING name`, me.ID, in.Name).Scan(&me.Name)
	if !failed(w, err) {
		a.getMe(w, r, me)
	}
}

// mine are all orders of a user. What is asked of them is asked here: it is not much, and no text
// becomes a part of a query.
func (a *App) mine(ctx context.Context, me *user) ([]order, error) {
	rows, err := a.DB.Query(ctx, `SELECT id, item, price, note FROM orders WHERE user_id = $1
		ORDER BY id`, me.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[order])
}

func (a *App) listOrders(w http.ResponseWriter, r *http.Request, me *user) {
	all, err := a.mine(r.Context(), me)
	if failed(w, err) {
		return
	}
	query := r.URL.Query()
	all = slices.DeleteFunc(all, func(o order) bool {
		return !strings.Contains(o.Item, query.Get("q"))
	})
	switch query.Get("sort") {
	case "price":
		slices.SortStableFunc(all, func(a, b order) int { return cmp.Compare(a.Price, b.Price) })
	case "item":
		slices.SortStableFunc(all, func(a, b order) int { return strings.Compare(a.Item, b.Item) })
	case "id", "":
	default:
		refuse(w, 400)
		return
	}
	limit := 20
	if n, err := strconv.ParseFloat(query.Get("limit"), 64); err == nil && n > 0 {
		limit = max(1, int(min(n, 100)))
	}
	send(w, 200, all[:min(limit, len(all))])
}

// find is an order of somebody's, by the number in the path.
func (a *App) find(r *http.Request, me *user) (order, error) {
	all, err := a.mine(r.Context(), me)
	if err != nil {
		return order{}, err
	}
	id, err := strconv.Atoi(r.PathValue("id"))
	i := slices.IndexFunc(all, func(o order) bool { return err == nil && o.ID == int64(id) })
	if i < 0 {
		return order{}, status(404)
	}
	return all[i], nil
}

func (a *App) getOrder(w http.ResponseWriter, r *http.Request, me *user) {
	if o, err := a.find(r, me); !failed(w, err) {
		send(w, 200, o)
	}
}

func (a *App) putOrder(w http.ResponseWriter, r *http.Request, me *user) {
	var in struct{ Note *string }
	if failed(w, decode(r.Body, &in, true)) {
		return
	}
	o, err := a.find(r, me)
	if failed(w, err) {
		return
	}
	if in.Note != nil {
		o.Note = *in.Note
	}
	_, err = a.DB.Exec(r.Context(), `UPDATE orders SET note = $2 WHERE id = $1`, o.ID, o.Note)
	if !failed(w, err) {
		send(w, 200, o)
	}
}

// admin has a mux of its own behind the one door.
func (a *App) admin(w http.ResponseWriter, r *http.Request, me *user) {
	if me.Role != "admin" {
		refuse(w, 403)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE /admin/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
		if err != nil {
			refuse(w, 404)
			return
		}
		err = a.DB.QueryRow(r.Context(), `DELETE FROM users WHERE id = $1 RETURNING id`, id).Scan(&id)
		if !failed(w, err) {
			w.WriteHeader(204)
		}
	})
	mux.ServeHTTP(w, r)
}

func (a *App) addWebhook(w http.ResponseWriter, r *http.Request, me *user) {
	var in struct{ URL string }
	if failed(w, decode(r.Body, &in, true)) {
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), "POST", in.URL, http.NoBody)
	if err != nil {
		refuse(w, 422)
		return
	}
	client := *a.HTTP
	client.Transport = &outside{App: a}
	resp, err := client.Do(req)
	if err != nil {
		refuse(w, 422)
		return
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		refuse(w, 422)
		return
	}
	out := map[string]any{"url": in.URL}
	var id int64
	err = a.DB.QueryRow(r.Context(), `INSERT INTO webhooks (user_id, url) VALUES ($1, $2)
		RETURNING id`, me.ID, in.URL).Scan(&id)
	if out["id"] = id; !failed(w, err) {
		send(w, 201, out)
	}
}

// outside sends a request, of a redirect as well, over a transport that knows one address: the one
// that was looked at for it.
type outside struct{ *App }

func (o *outside) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.EqualFold(r.URL.Scheme, "https") {
		return nil, errors.New("not https")
	}
	all, err := o.Resolve(r.Context(), r.URL.Hostname())
	if err != nil || len(all) == 0 {
		return nil, fmt.Errorf("no address: %w", err)
	}
	for _, ip := range all {
		if ip = ip.Unmap(); !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is4() && odd(ip.As4()) {
			return nil, errors.New("not public")
		}
	}
	known := o.HTTP.Transport.(*http.Transport).Clone()
	known.DisableKeepAlives = true
	dial := known.DialContext
	known.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return dial(ctx, network, net.JoinHostPort(all[0].String(), port))
	}
	return known.RoundTrip(r)
}

// odd are the networks 0.0.0.0/8 and 100.64.0.0/10, which are unicast, and not public.
func odd(ip [4]byte) bool { return ip[0] == 0 || ip[0] == 100 && ip[1]>>6 == 1 }

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
