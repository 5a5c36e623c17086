package shop_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
)

// list asks for ann's orders and returns the ids of what she gets, in this order.
func (s *site) list(query string) (answer, string) {
	s.t.Helper()
	got := s.do("ann", "GET /orders?"+query, "")
	var all []struct{ ID int }
	if err := json.Unmarshal([]byte(got.body), &all); err != nil || got.status != 200 {
		return got, "(no list)"
	}
	var ids []string
	for _, o := range all {
		ids = append(ids, fmt.Sprint(o.ID))
	}
	return got, strings.Join(ids, " ")
}

// wantList demands these orders of ann's.
func wantList(t *testing.T, s *site, query, want, why string) {
	t.Helper()
	got, ids := s.list(query)
	readable, _ := url.QueryUnescape(query)
	expect.That(t, ids == want, expect.Message{
		Did: fmt.Sprintf("sent GET /orders?%s as ann (%s); she has the orders 2 (o'chair, 7000), 3 "+
			"(desk, 12000), 4 (rug 100%%, 3000) and 5 (a_b\\shelf, 5000)", query, readable),
		Want: fmt.Sprintf("200 and her orders %q", want),
		Got:  got.String(),
		Why:  why,
	})
}

func TestASearchIsText(t *testing.T) {
	s := open(t)
	const why = "a text that becomes a part of a query can be any query: every row of every " +
		"table is in the reach of whoever may search"
	for _, q := range []string{"' OR '1'='1", "' OR 1=1 --", "x' OR item LIKE '%",
		"') OR ('a'='a", `\' OR 1=1 --`, "lamp' --", "'; DROP TABLE orders; --", `\` + "x", "$1", "%s",
		"' UNION SELECT id, password_hash, id, email FROM users --",
		"%' UNION SELECT id, email, 1, password_hash FROM users --"} {
		wantList(t, s, "q="+url.QueryEscape(q), "", why)
	}
	for _, q := range []string{"\x00", "o\x00", "\xff", "o'ch\xc3"} {
		got, ids := s.list("q=" + url.QueryEscape(q))
		expect.That(t, got.status == 400 || ids == "", expect.Message{
			Did:  fmt.Sprintf("sent GET /orders?q=%s as ann", url.QueryEscape(q)),
			Want: "200 and [], or 400: there is no such text in the database",
			Got:  got.String(),
			Why: "each 500 wakes somebody, and is one by whose details strangers learn what " +
				"is behind it",
		})
	}
	const verbatim = "an item with a quote or a percent sign is an item like others; a search that " +
		"is safe because it takes characters away does not find it"
	wantList(t, s, "q="+url.QueryEscape("o'ch"), "2", verbatim)
	wantList(t, s, "q="+url.QueryEscape("'"), "2", verbatim)
	wantList(t, s, "q="+url.QueryEscape("100%"), "4", verbatim)
	wantList(t, s, "q="+url.QueryEscape("a_b"), "5", verbatim)
	wantList(t, s, "q="+url.QueryEscape(`b\sh`), "5", verbatim)
	wantList(t, s, "q=e", "3 5", verbatim) // desk and shelf, not o'chair
	const asWritten = "a search that finds more than was asked for, or all there is, is another one: what it is " +
		"good for is decided by whoever asks"
	wantList(t, s, "q=c", "2", asWritten) // and not the note of the desk
	wantList(t, s, "q=DESK", "", asWritten)
	wantList(t, s, "q=+", "4", asWritten)
	wantList(t, s, "q=desk+", "", asWritten)
	const wild = "% and _ mean something in a LIKE: who searches for them searches for everything, " +
		"and can keep the database busy with a pattern of many"
	for _, q := range []string{"%k", "d_sk", "%%", "o%r", "_", "100_"} {
		want := map[string]string{"_": "5"}[q]
		wantList(t, s, "q="+url.QueryEscape(q), want, wild)
	}
	wantList(t, s, "q=%25", "4", wild)
	wantUntouched(t, s, "searched for all kinds of SQL")
}

func TestASortIsOneOfThree(t *testing.T) {
	s := open(t)
	const why = "the name of a column cannot be a parameter, so it has to be looked up in a list " +
		"of yours; whatever else is put into the query is a query"
	for _, sort := range []string{`"price"`, "price desc", "id;drop table users--",
		"(select pg_sleep(30))", "password_hash",
		"(select password_hash from users limit 1)", "price,id", "item--", "note",
		"user_id", "PRICE", " price", "price ", "id desc", "-price", "2", "nosuchcolumn", "'", "price\x00", "1/0",
		"orders.note",
		"(case when (select role from users where id=4)='admin' then -id else id end)"} {
		got, ids := s.list("sort=" + url.QueryEscape(sort))
		expect.That(t, got.status == 400 || ids == "2 3 4 5", expect.Message{
			Did:  "sent GET /orders?sort=" + url.QueryEscape(sort) + " as ann (" + sort + ")",
			Want: "400, or her orders 2, 3, 4 and 5 in the order of their ids",
			Got:  got.String(),
			Why:  why,
		})
	}
	const works = "a list in the order that was asked for is what the parameter is there for"
	wantList(t, s, "sort=id", "2 3 4 5", works)
	wantList(t, s, "sort=price", "4 5 2 3", works)
	wantList(t, s, "sort=item", "5 3 2 4", works)
	wantList(t, s, "", "2 3 4 5", works)
	wantList(t, s, "sort=price&q=e&limit=1", "5", works)
	wantUntouched(t, s, "sorted by all kinds of SQL")
}

func TestPagesAreBounded(t *testing.T) {
	s := open(t)
	pg.Exec(t, s.own, `INSERT INTO orders (user_id, item, price, note)
		SELECT 5, 'brick ' || n, n, '' FROM generate_series(1, 300) AS n`)
	count := func(query string) (answer, int) {
		got := s.do("carl", "GET /orders"+query, "")
		var all []any
		if json.Unmarshal([]byte(got.body), &all) != nil || got.status != 200 {
			return got, -1
		}
		return got, len(all)
	}
	for _, page := range []struct {
		query string
		want  int
	}{{"?limit=101", 100}, {"?limit=300", 100}, {"?limit=1000000000", 100},
		{"?limit=2147483648", 100}, {"?limit=4294967297", 100}, {"?limit=9223372036854775807", 100},
		{"?limit=100", 100}, {"?limit=99", 99}, {"?limit=1", 1},
		{"?limit=21", 21}, {"", 20}, {"?limit=101&sort=price&q=brick", 100}} {
		query, want := page.query, page.want
		got, n := count(query)
		expect.That(t, n == want, expect.Message{
			Did:  fmt.Sprintf("sent GET /orders%s as carl, who has 300", query),
			Want: fmt.Sprintf("200 and %d orders", want),
			Got:  fmt.Sprintf("%d of them: %s", n, got),
			Why: "a page of any size is a request of any cost: one caller has the server sort, " +
				"copy and send all there is, as often as they like",
		})
	}
	got, n := count("?limit=99999999999999999999")
	expect.That(t, got.status == 400 || n == 100, expect.Message{
		Did:  "sent GET /orders?limit=99999999999999999999 as carl, who has 300",
		Want: "400, or 200 and 100 orders: it is more than 100, and more than 64 bits have room for",
		Got:  fmt.Sprintf("%d of them: %s", n, got),
		Why:  "a number that was not understood is not the default: whoever asks for much is given little, and not told",
	})
	for _, limit := range []string{"0", "-1", "-100", "1e9", "all", "NULL", "50;select 1",
		"1 OFFSET 5",
		"5.5",
		"(select 50)", "+", "0x7f"} {
		query := "?limit=" + url.QueryEscape(limit)
		got, n := count(query)
		expect.That(t, got.status == 400 || n >= 1 && n <= 100, expect.Message{
			Did:  fmt.Sprintf("sent GET /orders%s as carl, who has 300", query),
			Want: "400, or 200 and from 1 to 100 orders",
			Got:  fmt.Sprintf("%d of them: %s", n, got),
			Why: "what is no number of rows is no reason for a 500, and none to leave the " +
				"bound out",
		})
	}
}
