package shop_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
)

// spellings are other ways to write an id that a number parser may read all the same, and what none reads.
func spellings(id string) []string {
	return []string{"0" + id, "00" + id, "+" + id, "%2B" + id, "%30%3" + id, "%3" + id,
		id + ".0", id + "e0", "0x" + id, "one", "99999999999999999999"}
}

func TestForeignOrdersAreNotThere(t *testing.T) {
	s := open(t)
	for _, method := range []string{"GET", "HEAD"} {
		wantNotThere(t, s, method, "")
	}
	s.wants("bob", "GET /orders/1", "", 200, "7 Elm Street")
	s.wants("bob", "HEAD /orders/1", "", 200, "")
	s.wants("ann", "GET /orders/2", "", 200, "o'chair")
	longer(t, s)
	s.wants("ann", "GET /orders/9080", "", 200, "mirror")
}

// longer has ann order something when the shop has sold more.
func longer(t *testing.T, s *site) {
	t.Helper()
	pg.Exec(t, s.own, `INSERT INTO orders (id, user_id, item, price, note) VALUES (9080, 1, 'mirror', 8000, '')`)
}

// wantNotThere demands that bob's order looks to mallory and to the admin like one that is none.
func wantNotThere(t *testing.T, s *site, method, body string) {
	t.Helper()
	for _, who := range []string{"mallory", "ann", "olga"} {
		missing := s.do(who, method+" /orders/999", body)
		got := s.do(who, method+" /orders/1", body)
		expect.That(t, got.status == 404 && got.same(missing), expect.Message{
			Did: fmt.Sprintf("sent %s /orders/1 as %s, though the order is bob's, and %s "+
				"/orders/999, which does not exist", method, who, method),
			Want: "404 for both, the same in every byte",
			Got:  fmt.Sprintf("%s; for the one that does not exist %s", got, missing),
			Why: "ids can be counted through; whoever has a session can fetch every order of " +
				"the shop, or at least learn how many there are. Of all holes in APIs this is " +
				"the most frequent one",
		})
		for _, id := range spellings("1") {
			got := s.do(who, method+" /orders/"+id, body)
			expect.That(t, got.status == 404 || got.status == 400, expect.Message{
				Did: fmt.Sprintf("sent %s /orders/%s as %s: the number of bob's order, written "+
					"in another way", method, id, who),
				Want: "404, or 400 for a number that is not written like that",
				Got:  got.String(),
				Why: "who may have what is a question about the row, not about the text in " +
					"the path: texts have many spellings",
			})
		}
	}
}

func TestForeignOrdersStayAsTheyAre(t *testing.T) {
	s := open(t)
	wantNotThere(t, s, "PUT", `{"note":"to 1 Mallory Lane"}`)
	note := s.value(`SELECT note FROM orders WHERE id = 1`)
	expect.That(t, strings.Contains(note, "7 Elm Street"), expect.Message{
		Did:  "sent PUT /orders/1, bob's order, with another note as mallory, as ann and as olga",
		Want: "its note is still bob's",
		Got:  note,
		Why:  "the answer says no, and the lamp is delivered to somebody else all the same",
	})
	wantNoDifference(t, s)
	s.wants("bob", "PUT /orders/1", `{"note":"to 8 Elm Street"}`, 200, "8 Elm Street")
	s.wants("bob", "GET /orders/1", "", 200, "8 Elm Street")
	note = s.value(`SELECT string_agg(note, '' ORDER BY id) FROM orders WHERE id <> 1`)
	expect.That(t, note == "dcba", expect.Message{
		Did:  "sent PUT /orders/1 as bob, whose order it is",
		Want: "the notes of the other orders as they were: d, c, b, a",
		Got:  note,
	})
	longer(t, s)
	s.wants("ann", "PUT /orders/9080", `{"note":"mind the glass"}`, 200, "mind the glass")
}

// wantNoDifference demands that a body with which nothing can be done does not tell which orders there are either.
func wantNoDifference(t *testing.T, s *site) {
	t.Helper()
	for _, body := range []string{"", "{", `{"note":"x","price":1}`, `{"note":5}`, `["note"]`,
		`{"note":"x"}garbage`, strings.Repeat(" ", maxBody+1)} {
		for _, who := range []string{"mallory", "olga"} {
			missing := s.do(who, "PUT /orders/999", body)
			got := s.do(who, "PUT /orders/1", body)
			expect.That(t, got.same(missing) && got.status >= 400 && got.status < 500, expect.Message{
				Did: fmt.Sprintf("sent PUT /orders/1 with the body %q as %s, though the order is bob's, and "+
					"the same for /orders/999, which does not exist", shorten(body), who),
				Want: "two refusals, the same in every byte",
				Got:  fmt.Sprintf("%s; for the one that does not exist %s", got, missing),
				Why: "what is looked at first decides what the answer tells: a body that is refused only " +
					"where there is an order counts the orders, and changes none of them",
			})
		}
	}
}

func TestListsAreOnesOwn(t *testing.T) {
	s := open(t)
	for _, query := range []string{"", "?q=lamp", "?q=", "?sort=price", "?limit=100",
		"?user_id=2", "?user=2", "?q=l&sort=item&limit=50"} {
		for _, who := range []string{"mallory", "olga"} {
			got := s.do(who, "GET /orders"+query, "")
			expect.That(t, got.status == 200 && strings.TrimSpace(got.body) == "[]",
				expect.Message{
					Did: fmt.Sprintf("sent GET /orders%s as %s, who has ordered nothing", query,
						who),
					Want: "200 and []",
					Got:  got.String(),
					Why: "a list with all rows is a foreign order a hundred times over; a " +
						"search is a list, too",
				})
		}
	}
	s.wants("bob", "GET /orders?q=lamp", "", 200, "7 Elm Street")
	s.wants("bob", "GET /orders", "", 200, "7 Elm Street")
}

func TestStrangersGetNothing(t *testing.T) {
	s := open(t)
	for _, line := range []string{"GET /me", "PATCH /me", "GET /orders", "GET /orders/1",
		"HEAD /orders/1", "PUT /orders/1", "DELETE /admin/users/5", "POST /webhooks"} {
		for _, who := range []string{"", "nobody", "ANN", "ann-session; session=x"} {
			body := map[string]string{"PATCH /me": `{"name":"x"}`, "PUT /orders/1": `{"note":"x"}`,
				"POST /webhooks": `{"url":"https://hooks.example/"}`}[line]
			got := s.do(who, line, body)
			expect.That(t, got.status == 401, expect.Message{
				Did:  fmt.Sprintf("sent %s %s", line, cookieOf(who)),
				Want: "401",
				Got:  got.String(),
				Why: "one route that was forgotten is enough: who asks is looked at where all " +
					"routes pass",
			})
		}
	}
	wantUntouched(t, s, "sent all kinds of requests without a session")
	s.wants("ann", "GET /me", "", 200, "ann@shop.example")
	// What bob may do, a stranger could try: that it works for him is the twin.
	s.wants("bob", "PATCH /me", `{"name":"Robert"}`, 200, "Robert")
	login := s.do("", "POST /login", `{"email":"ann@shop.example","password":"ann-secret"}`)
	expect.That(t, login.status == 204, expect.Message{
		Did: "logged in without a session, with the right password", Want: "204",
		Got: login.String(), Why: "one has to begin somewhere"})
}

func cookieOf(who string) string {
	if who == "" {
		return "without a cookie"
	}
	return fmt.Sprintf("with the cookie session=%s-session, which is nobody's", who)
}

// wantUntouched demands that nothing has changed in the database.
func wantUntouched(t *testing.T, s *site, did string) {
	t.Helper()
	const all = `SELECT concat_ws('; ',
		(SELECT string_agg(concat_ws(' ', id, email, name, role), ', ' ORDER BY id) FROM users),
		(SELECT string_agg(concat_ws(' ', id, price, note), ', ' ORDER BY id) FROM orders),
		(SELECT count(*) || ' webhooks' FROM webhooks))`
	const before = "1 ann@shop.example Ann user, 2 bob@shop.example Bob user, " +
		"3 mallory@shop.example Mallory user, 4 olga@shop.example Olga admin, " +
		"5 carl@shop.example Carl user; 1 4900 to 7 Elm Street, the key is under the mat, " +
		"2 7000 d, 3 12000 c, 4 3000 b, 5 5000 a; 0 webhooks"
	got := s.value(all)
	expect.That(t, got == before, expect.Message{
		Did: did, Want: "the database as it was: " + before, Got: got,
		Why: "what counts is not what the answer says but what has happened"})
}
