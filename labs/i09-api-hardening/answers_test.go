package shop_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
)

// all are requests that are answered in all kinds of ways.
var all = []struct{ who, line, body string }{
	{"ann", "GET /me", ""},
	{"ann", "GET /orders", ""},
	{"ann", "GET /orders/1", ""},
	{"ann", "HEAD /orders/2", ""},
	{"", "GET /me", ""},
	{"ann", "GET /nothing/here", ""},
	{"", "GET /", ""},
	{"ann", "POST /me", ""},
	{"ann", "GET //me", ""},
	{"ann", "PATCH /me", `{"role":"admin"}`},
	{"ann", "PATCH /me", `{`},
	{"mallory", "DELETE /admin/users/5", ""},
	{"ann", "POST /webhooks", `{"url":"https://hooks.example/"}`},
	{"ann", "POST /webhooks", `{"url":"http://hooks.example/"}`},
	{"", "POST /login", `{"email":"ann@shop.example","password":"ann-secret"}`},
	{"", "POST /login", `{"email":"ann@shop.example","password":"x"}`},
	{"", "OPTIONS /me", ""},
	{"olga", "DELETE /admin/users/5", ""},
}

// preflights are what a browser asks before it sends what a page of another origin wants sent.
var preflights = []struct{ who, line, body string }{
	{"", "OPTIONS /me", ""},
	{"", "OPTIONS /orders/1", ""},
	{"ann", "OPTIONS /webhooks", ""},
}

func TestEveryAnswerSaysNosniff(t *testing.T) {
	s := open(t)
	s.guess("carl@shop.example", surelyRefused)
	for _, sent := range append(all[:len(all):len(all)],
		struct{ who, line, body string }{"", "POST /login", `{"email":"carl@shop.example"}`},
		struct{ who, line, body string }{"ann", "PATCH /me", strings.Repeat(" ", maxBody+1)}) {
		got := s.do(sent.who, sent.line, sent.body)
		value := got.header.Values("X-Content-Type-Options")
		expect.That(t, len(value) == 1 && strings.EqualFold(value[0], "nosniff"), expect.Message{
			Did:  fmt.Sprintf("sent %s as %q%s", sent.line, sent.who, with(sent.body)),
			Want: "the header X-Content-Type-Options: nosniff, once",
			Got:  fmt.Sprintf("%q, status %d", value, got.status),
			Why: "a browser that guesses runs a note with <script> in it as a page of yours; an " +
				"error has texts of strangers in it as often as an answer has",
		})
	}
	s.wants("ann", "GET /me", "", 200, "ann@shop.example")
}

func TestOtherOriginsReadNothing(t *testing.T) {
	s := open(t)
	for _, origin := range []string{"https://evil.example", "null", "http://localhost", "http://localhost:3000",
		"https://localhost:8443", "http://127.0.0.1:8080", "https://evilshop.example", "http://shop.example",
		"https://shopxexample", "https://shop.example.evil.example",
		"https://evil.example/.shop.example", "https://shop.example@evil.example"} {
		for _, sent := range append(all[:15:15], preflights...) {
			r := request(sent.who, sent.line, strings.NewReader(sent.body))
			r.Header.Set("Origin", origin)
			if strings.HasPrefix(sent.line, "OPTIONS") {
				r.Header.Set("Access-Control-Request-Method", "PUT")
			}
			got := s.serve(r)
			value := got.header.Values("Access-Control-Allow-Origin")
			open := slices.Contains(value, "*") || slices.Contains(value, origin)
			expect.That(t, !open, expect.Message{
				Did: fmt.Sprintf("sent %s as %q, with Origin: %s", sent.line, sent.who, origin),
				Want: "no Access-Control-Allow-Origin, or a fixed one: neither * nor what the " +
					"request says",
				Got: fmt.Sprintf("Access-Control-Allow-Origin: %s", strings.Join(value, ", ")),
				Why: "it has the browser of whoever is signed in hand the answer to a page of " +
					"somebody else's",
			})
		}
	}
	s.wants("ann", "GET /me", "", 200, "ann@shop.example")
}

func TestTheCookieIsForTheBrowserAlone(t *testing.T) {
	s := open(t)
	got := s.do("", "POST /login", `{"email":"ann@shop.example","password":"ann-secret"}`)
	cookies := (&http.Response{Header: got.header}).Cookies()
	ours := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == "session" })
	expect.That(t, got.status == 204 && ours >= 0, expect.Message{
		Did:  "logged in as ann, with the right password",
		Want: "204, and the cookie session",
		Got:  fmt.Sprintf("%s, Set-Cookie %q", got, got.header.Values("Set-Cookie")),
		Why:  "secure and useless: that is what one logs in for",
	})
	c := cookies[ours]
	strict := c.SameSite == http.SameSiteLaxMode || c.SameSite == http.SameSiteStrictMode
	expect.That(t, c.HttpOnly && c.Secure && strict, expect.Message{
		Did:  "logged in as ann, with the right password, and looked at the cookie",
		Want: "HttpOnly, Secure, and SameSite=Lax or Strict",
		Got:  fmt.Sprintf("HttpOnly: %v, Secure: %v, %q", c.HttpOnly, c.Secure, c),
		Why: "without the first a script on the page reads it, without the second it goes over " +
			"the Wi-Fi in the clear, without the third every page can act in ann's name",
	})
	r := request("", "GET /me", nil)
	r.AddCookie(&http.Cookie{Name: "session", Value: c.Value})
	me := s.serve(r)
	expect.That(t, me.status == 200 && strings.Contains(me.body, "ann@shop.example"),
		expect.Message{Did: "sent GET /me with the cookie of ann's login", Want: "200, ann",
			Got: me.String(), Why: "secure and useless: that is what one logs in for"})
}

// details are what a database says, and a program that has failed.
var details = regexp.MustCompile(`(?i)relation|exist|sqlstate|42P01|error:|pgx|postgres|select|` +
	`insert|update |delete |\.go:|goroutine|_gone`)

// failing are requests that fail without a table.
var failing = map[string][]struct{ who, line, body string }{
	"orders": {{"ann", "GET /orders", ""}, {"ann", "GET /orders/2", ""},
		{"ann", "PUT /orders/2", `{"note":"x"}`}},
	"webhooks": {{"ann", "POST /webhooks", `{"url":"https://hooks.example/"}`}},
	"sessions": {{"ann", "GET /me", ""}, {"olga", "DELETE /admin/users/5", ""},
		{"", "POST /login", `{"email":"ann@shop.example","password":"ann-secret"}`}},
	"users": {{"ann", "GET /me", ""},
		{"", "POST /login", `{"email":"bob@shop.example","password":"bob-secret"}`}},
}

func TestAFailureSaysNothing(t *testing.T) {
	s := open(t)
	for _, table := range []string{"orders", "webhooks", "sessions", "users"} {
		pg.Exec(t, s.own, "ALTER TABLE "+table+" RENAME TO "+table+"_gone")
		for _, sent := range failing[table] {
			got := s.do(sent.who, sent.line, sent.body)
			told := details.FindString(got.body + fmt.Sprint(got.header))
			expect.That(t, got.status == 500 && told == "", expect.Message{
				Did: fmt.Sprintf("renamed the table %s, and sent %s as %q%s", table, sent.line,
					sent.who, with(sent.body)),
				Want: "500, and not a word of what the database has said",
				Got:  fmt.Sprintf("%s (%q)", got, told),
				Why: "the names of tables and columns are what is needed for the next attempt. " +
					"Any other status says that all is well, or that the client was wrong",
			})
		}
		pg.Exec(t, s.own, "ALTER TABLE "+table+"_gone RENAME TO "+table)
	}
	s.wants("ann", "GET /orders/2", "", 200, "o'chair")
	wantFailedWritesTold(t, s)
}

// wantFailedWritesTold has a database that reads, and does not write.
func wantFailedWritesTold(t *testing.T, s *site) {
	t.Helper()
	pg.Exec(t, s.own, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'relation users_gone does not exist'; END $$`)
	for _, table := range []string{"users", "orders", "sessions", "webhooks"} {
		pg.Exec(t, s.own, `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON `+table+`
			FOR EACH ROW EXECUTE FUNCTION refuse()`)
	}
	for _, sent := range []struct{ who, line, body string }{
		{"ann", "PATCH /me", `{"name":"Anna"}`},
		{"ann", "PUT /orders/2", `{"note":"x"}`},
		{"olga", "DELETE /admin/users/5", ""},
		{"ann", "POST /webhooks", `{"url":"https://hooks.example/"}`},
		{"", "POST /login", `{"email":"ann@shop.example","password":"ann-secret"}`},
	} {
		got := s.do(sent.who, sent.line, sent.body)
		told := details.FindString(got.body + fmt.Sprint(got.header))
		expect.That(t, got.status == 500 && told == "", expect.Message{
			Did: fmt.Sprintf("had the database refuse each write, and sent %s as %q%s", sent.line, sent.who,
				with(sent.body)),
			Want: "500, and not a word of what the database has said",
			Got:  fmt.Sprintf("%s (%q)", got, told),
			Why:  "whoever is told that it is done goes away, and it is not",
		})
	}
	for _, table := range []string{"users", "orders", "sessions", "webhooks"} {
		pg.Exec(t, s.own, `DROP TRIGGER refuse ON `+table)
	}
	s.wants("ann", "PATCH /me", `{"name":"Anna"}`, 200, "Anna")
}
