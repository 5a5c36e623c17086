// Package shop is the API of a shop. It works, and it has holes: the README says what is to hold.
package shop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
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

	mu    sync.Mutex
	tries map[string][]time.Time // of wrong passwords, by e-mail address
}

// access is who may use a route. The zero value is nobody: what is not in the table is closed.
type access int

const (
	nobody access = iota
	everybody
	users
	admins
)

// request is a request that has been let in: who it is from, and all of its body.
type request struct {
	*http.Request
	by   user
	body []byte
}

// reply is an answer that is still to be sent.
type reply struct {
	code   int
	value  any
	header http.Header
}

// route is one line of the table that the README has.
type route struct {
	pattern string
	who     access
	serve   func(request) (reply, error)
}

// Handler returns the API.
func (a *App) Handler() http.Handler {
	a.tries = map[string][]time.Time{}
	mux := http.NewServeMux()
	for _, r := range []route{
		{"POST /login", everybody, a.login},
		{"GET /me", users, a.me},
		{"PATCH /me", users, a.rename},
		{"GET /orders", users, a.orders},
		{"GET /orders/{id}", users, a.order},
		{"PUT /orders/{id}", users, a.annotate},
		{"DELETE /admin/users/{id}", admins, a.remove},
		{"POST /webhooks", users, a.hook},
	} {
		mux.Handle(r.pattern, a.entrance(r))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

// entrance is the one way in, and the one way out.
func (a *App) entrance(way route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := a.admit(way, r)
		var told status
		if err != nil && !errors.As(err, &told) {
			told = 500
		}
		if err != nil {
			answer.code, answer.value = int(told), map[string]string{"error": told.Error()}
		}
		for name, values := range answer.header {
			w.Header()[name] = values
		}
		if answer.value == nil {
			w.WriteHeader(answer.code)
			return
		}
		send(w, answer.code, answer.value)
	})
}

// admit looks at who asks, reads what they have sent, and lets them in. No connection to the
// database is held while it reads.
func (a *App) admit(way route, r *http.Request) (reply, error) {
	in := request{Request: r}
	if way.who == users || way.who == admins {
		by, err := a.whoIs(r)
		if err != nil {
			return reply{}, err
		}
		in.by = by
	}
	if way.who == nobody || (way.who == admins && in.by.Role != "admin") {
		return reply{}, status(404)
	}
	const most = 1 << 20
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	if err != nil {
		return reply{}, status(400)
	}
	if len(body) > most {
		return reply{}, status(413)
	}
	in.body = body
	return way.serve(in)
}

func (a *App) whoIs(r *http.Request) (u user, err error) {
	cookie, err := r.Cookie("session")
	if err != nil {
		return u, status(401)
	}
	err = a.DB.QueryRow(r.Context(), `SELECT id, email, name, role FROM users
		WHERE id = (SELECT user_id FROM sessions WHERE token = $1)`, cookie.Value).
		Scan(&u.ID, &u.Email, &u.Name, &u.Role)
	if errors.Is(err, pgx.ErrNoRows) {
		return u, status(401)
	}
	return u, err
}

// fields reads a body that may have these members, each a text, and no others. Their names count
// as they are written.
func (r request) fields(names ...string) (map[string]string, error) {
	var all map[string]any
	if err := decode(bytes.NewReader(r.body), &all, true); err != nil {
		return nil, status(422)
	}
	texts := map[string]string{}
	for name, value := range all {
		text, ok := value.(string)
		if !ok || !slices.Contains(names, name) {
			return nil, status(422)
		}
		texts[name] = text
	}
	return texts, nil
}

// number is the id in the path, in plain digits.
func (r request) number() (int64, error) {
	text := r.PathValue("id")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != text {
		return 0, status(404)
	}
	return id, nil
}

func (a *App) login(r request) (reply, error) {
	in, err := r.fields("email", "password")
	if err != nil {
		return reply{}, err
	}
	now := a.Now()
	if wait := a.try(in["email"], now); wait > 0 {
		seconds := strconv.Itoa(int((wait + time.Second - 1) / time.Second))
		return reply{429, status(429).Error(), http.Header{"Retry-After": {seconds}}}, nil
	}
	id, hash := int64(0), UnknownHash
	err = a.DB.QueryRow(r.Context(), `SELECT id, password_hash FROM users WHERE email = $1`,
		in["email"]).Scan(&id, &hash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return reply{}, err
	}
	right := a.CheckPassword(hash, in["password"])
	if id == 0 || !right {
		return reply{}, status(401)
	}
	a.forget(in["email"], now)
	token := rand.Text()
	_, err = a.DB.Exec(r.Context(), `INSERT INTO sessions VALUES ($1, $2)`, token, id)
	if err != nil {
		return reply{}, err
	}
	cookie := "session=" + token + "; Path=/; HttpOnly; Secure; SameSite=Strict"
	return reply{204, nil, http.Header{"Set-Cookie": {cookie}}}, nil
}

// try notes a try, or tells how long there is none: nine in each minute that slides along.
func (a *App) try(email string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	for of, times := range a.tries {
		times = slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
		if a.tries[of] = times; len(times) == 0 {
			delete(a.tries, of)
		}
	}
	if times := a.tries[email]; len(times) >= 9 {
		return times[0].Add(time.Minute).Sub(now)
	}
	a.tries[email] = append(a.tries[email], now)
	return 0
}

// forget takes back a try that was right.
func (a *App) forget(email string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(a.tries[email], at); i >= 0 {
		a.tries[email] = slices.Delete(a.tries[email], i, i+1)
	}
}

func (u user) shown() map[string]any {
	return map[string]any{"id": u.ID, "email": u.Email, "name": u.Name, "role": u.Role}
}

func (a *App) me(r request) (reply, error) { return reply{200, r.by.shown(), nil}, nil }

func (a *App) rename(r request) (reply, error) {
	in, err := r.fields("name")
	if err != nil {
		return reply{}, err
	}
	if name, ok := in["name"]; ok {
		r.by.Name = name
	}
	_, err = a.DB.Exec(r.Context(), `UPDATE users SET name = $1 WHERE id = $2`, r.by.Name, r.by.ID)
	return reply{200, r.by.shown(), nil}, err
}

// sorted are whole queries, so that nothing is ever put together.
var sorted = map[string]string{
	"id":    `SELECT id, item, price, note FROM orders WHERE user_id = $1 ORDER BY id`,
	"price": `SELECT id, item, price, note FROM orders WHERE user_id = $1 ORDER BY price, id`,
	"item":  `SELECT id, item, price, note FROM orders WHERE user_id = $1 ORDER BY item, id`,
}

// orders looks for q here and not in the database, which is never given a text of a stranger's.
func (a *App) orders(r request) (reply, error) {
	query, ok := sorted[r.URL.Query().Get("sort")]
	if !ok {
		query = sorted["id"]
	}
	limit, _ := strconv.ParseUint(r.URL.Query().Get("limit"), 10, 32) // the largest one, of what is too large
	if limit == 0 {
		limit = 20
	}
	rows, err := a.DB.Query(r.Context(), query, r.by.ID)
	if err != nil {
		return reply{}, err
	}
	defer rows.Close()
	found := []order{}
	for rows.Next() && len(found) < int(min(limit, 100)) {
		var o order
		if err := rows.Scan(&o.ID, &o.Item, &o.Price, &o.Note); err != nil {
			return reply{}, err
		}
		if strings.Contains(o.Item, r.URL.Query().Get("q")) {
			found = append(found, o)
		}
	}
	return reply{200, found, nil}, rows.Err()
}

func (a *App) order(r request) (reply, error) {
	id, err := r.number()
	if err != nil {
		return reply{}, err
	}
	var o order
	err = a.DB.QueryRow(r.Context(), `SELECT id, item, price, note FROM orders
		WHERE (id, user_id) = ($1, $2)`, id, r.by.ID).Scan(&o.ID, &o.Item, &o.Price, &o.Note)
	if errors.Is(err, pgx.ErrNoRows) {
		return reply{}, status(404)
	}
	return reply{200, o, nil}, err
}

func (a *App) annotate(r request) (reply, error) {
	in, err := r.fields("note")
	if err != nil {
		return reply{}, err
	}
	found, err := a.order(r)
	if note, ok := in["note"]; ok && err == nil {
		o := found.value.(order)
		o.Note, found.value = note, order{o.ID, o.Item, o.Price, note}
		_, err = a.DB.Exec(r.Context(), `UPDATE orders SET note = $3 WHERE (id, user_id) = ($1, $2)`,
			o.ID, r.by.ID, note)
	}
	return found, err
}

func (a *App) remove(r request) (reply, error) {
	id, err := r.number()
	if err != nil {
		return reply{}, err
	}
	tag, err := a.DB.Exec(r.Context(), `DELETE FROM users WHERE id = $1`, id)
	if err == nil && tag.RowsAffected() == 0 {
		err = status(404)
	}
	return reply{204, nil, nil}, err
}

// hook follows no redirect: a webhook is to be given as what it is.
func (a *App) hook(r request) (reply, error) {
	in, err := r.fields("url")
	if err != nil {
		return reply{}, err
	}
	u, err := url.Parse(in["url"])
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return reply{}, status(422)
	}
	if err := a.post(r.Context(), u); err != nil {
		return reply{}, status(422)
	}
	var id int64
	err = a.DB.QueryRow(r.Context(), `INSERT INTO webhooks (user_id, url) VALUES ($1, $2)
		RETURNING id`, r.by.ID, in["url"]).Scan(&id)
	return reply{201, map[string]any{"id": id, "url": in["url"]}, nil}, err
}

func (a *App) post(ctx context.Context, u *url.URL) error {
	client := via(a.HTTP, func(ctx context.Context, host string) (netip.Addr, error) {
		all, err := a.Resolve(ctx, host)
		for _, ip := range all {
			if inside(ip) {
				return ip, errors.New("inside")
			}
		}
		if err != nil || len(all) == 0 {
			return netip.Addr{}, errors.New("nowhere")
		}
		return all[len(all)-1], nil
	})
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, "POST", u.String(), strings.NewReader("{}"))
	if err != nil {
		return err
	}
	got, err := client.Do(r)
	if err != nil {
		return err
	}
	got.Body.Close()
	if got.StatusCode < 200 || got.StatusCode > 299 {
		return errors.New("it was not taken")
	}
	return nil
}

// closed are the networks that are not public, as IANA lists them.
var closed = []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	"fc00::/7", "169.254.0.0/16", "fe80::/10", "224.0.0.0/4", "ff00::/8", "::/128", "0.0.0.0/8",
	"100.64.0.0/10"}

func inside(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(closed, func(p string) bool {
		return netip.MustParsePrefix(p).Contains(ip)
	})
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
