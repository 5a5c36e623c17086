package shop_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	shop "github.com/backend-labs/backend-labs/labs/i09-api-hardening"
)

// patience is for one request, on a machine that may be busy. None has anything to wait for.
const patience = 10 * time.Second

// people are the users 1 to 5: olga is the admin, and mallory is the one to watch.
const people = `
	INSERT INTO users (email, name, role, password_hash)
	SELECT u || '@shop.example', initcap(u), CASE u WHEN 'olga' THEN 'admin' ELSE 'user' END,
		'hash-of-' || u || '-secret'
	FROM unnest(ARRAY['ann', 'bob', 'mallory', 'olga', 'carl']) WITH ORDINALITY AS p (u, n)
	ORDER BY n;
	INSERT INTO sessions (token, user_id)
	SELECT split_part(email, '@', 1) || '-session', id FROM users;
	INSERT INTO orders (user_id, item, price, note) VALUES
		(2, 'lamp', 4900, 'to 7 Elm Street, the key is under the mat'),
		(1, 'o''chair', 7000, 'd'),
		(1, 'desk', 12000, 'c'),
		(1, 'rug 100%', 3000, 'b'),
		(1, 'a_b\shelf', 5000, 'a');`

// site is the shop under test, with a database, a network and a clock of its own.
type site struct {
	t       *testing.T
	own     *pgxpool.Pool // the check's, for a look behind the scenes
	net     *network
	tl      *timeline.Timeline // nil unless the check draws
	handler http.Handler

	mu     sync.Mutex
	now    time.Time
	asked  int                              // how often for a password
	verify func(hash, password string) bool // in place of the usual one
}

// open starts a shop with the people in it.
func open(t *testing.T) *site { return openDrawn(t, nil) }

func openDrawn(t *testing.T, tl *timeline.Timeline) *site {
	t.Helper()
	s := &site{t: t, own: pg.Pool(t), tl: tl, net: newNetwork(t, tl)}
	s.now = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	pg.Exec(t, s.own, shop.Schema)
	pg.Exec(t, s.own, people)
	app := &shop.App{DB: pg.Pool(t), HTTP: s.net.client(), Resolve: s.net.resolve,
		Now: s.clock, CheckPassword: s.check}
	s.handler = app.Handler()
	return s
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) sleep(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *site) check(hash, password string) bool {
	s.mu.Lock()
	s.asked++
	verify := s.verify
	s.mu.Unlock()
	if verify != nil {
		return verify(hash, password)
	}
	return hash == "hash-of-"+password
}

// verifyBy has passwords checked in another way, or in the usual one.
func (s *site) verifyBy(f func(hash, password string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verify = f
}

// looks is how often a password has been looked at.
func (s *site) looks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, shorten(a.body)))
}

// same reports whether nobody can tell two answers apart.
func (a answer) same(b answer) bool {
	return a.status == b.status && a.body == b.body && fmt.Sprint(a.header) == fmt.Sprint(b.header)
}

func shorten(s string) string {
	s = strings.TrimSpace(s)
	if len(s) <= 200 {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:200], len(s))
}

// request is one of somebody's, or of a stranger's ("").
func request(who, line string, body io.Reader) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, target, body)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		r.AddCookie(&http.Cookie{Name: "session", Value: who + "-session"})
	}
	return r
}

// do sends a request with this line ("GET /me") and, if it is not "", body.
func (s *site) do(who, line, body string) answer {
	s.t.Helper()
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	return s.serve(request(who, line, b))
}

// serve waits for the answer to a request, which there must be.
func (s *site) serve(r *http.Request) answer {
	s.t.Helper()
	got, ok := s.try(r)
	expect.That(s.t, ok, expect.Message{
		Did:  "sent " + shorten(r.Method+" "+r.RequestURI),
		Want: "an answer: nothing is to wait for",
		Got:  fmt.Sprintf("none within %v", patience),
		Why: "whoever can make one request take for ever can send a hundred of them, and " +
			"nobody else is served",
		Picture: s.tl,
	})
	return got
}

// try waits for the answer to a request, on any goroutine.
func (s *site) try(r *http.Request) (got answer, ok bool) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	w := httpwire.New()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.handler.ServeHTTP(w.Writer(), r.WithContext(ctx))
	}()
	select {
	case <-done:
		return answer{w.Status(), w.Header(), w.Body()}, true
	case <-ctx.Done():
		return answer{}, false
	}
}

// wants is what a twin demands: the legitimate request works.
func (s *site) wants(who, line, body string, status int, has string) {
	s.t.Helper()
	got := s.do(who, line, body)
	want := fmt.Sprint(status)
	if has != "" {
		want += " with " + has
	}
	expect.That(s.t, got.status == status && strings.Contains(got.body, has), expect.Message{
		Did:     fmt.Sprintf("sent %s as %s%s", line, who, with(body)),
		Want:    want + ": they may do that",
		Got:     got.String(),
		Why:     "secure and useless: what is refused here is what the shop is for",
		Picture: s.tl,
	})
}

func with(body string) string {
	if body == "" {
		return ""
	}
	return " with " + shorten(body)
}

// value is one text from the database.
func (s *site) value(sql string, args ...any) string {
	s.t.Helper()
	return pg.Value[string](s.t, s.own, sql, args...)
}
