package shop_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// A raid is what one person tries in one evening, with an account that everybody can have.
type raid struct {
	*site
	loot []string
}

// TestTheRaid shows what is to be had. It has the plainest form of each attack; the checks before
// it have the others.
func TestTheRaid(t *testing.T) {
	tl := timeline.New("mallory", "what she gets")
	r := &raid{site: open(t)}
	for _, try := range []struct {
		what string
		f    func() (loot string)
	}{
		{"GET /orders/1", r.readsBobsOrder},
		{"PATCH /me, her role", r.becomesAdmin},
		{"GET /me", r.seesHash},
		{"a search with a quote", r.searchesForHashes},
		{"a webhook to " + metadata, r.fetchesCredentials},
		{"20 guesses at bob's password", r.guessesOn},
		{"a body of 10 MiB", r.fillsTheMemory},
		{"bob's browser, on her page", r.readsFromHerPage},
		{"DELETE /admin/users/5", r.deletesCarl},
		{"a sort with a semicolon", r.dropsTheOrders},
	} {
		loot := try.f()
		tl.Point("mallory", "%s", try.what)
		if loot == "" {
			tl.Point("what she gets", "nothing")
			continue
		}
		tl.Point("what she gets", "%s", loot).Breaks()
		r.loot = append(r.loot, loot)
	}
	expect.Show(t, "an evening with an account that everybody can have", tl)
	expect.That(t, len(r.loot) == 0, expect.Message{
		Did:     "let mallory try the plainest form of ten attacks, one after the other",
		Want:    "she walks away with nothing",
		Got:     "she walks away with " + strings.Join(r.loot, "; "),
		Why:     "the list gets shorter with each hole that is closed",
		Picture: tl,
	})
	r.wants("bob", "GET /orders/1", "", 200, "7 Elm Street")
	r.wants("mallory", "GET /me", "", 200, "mallory@shop.example")
}

func (r *raid) readsBobsOrder() string {
	if got := r.do("mallory", "GET /orders/1", ""); strings.Contains(got.body, "Elm Street") {
		return "bob's address, and where his key is"
	}
	return ""
}

func (r *raid) becomesAdmin() string {
	r.do("mallory", "PATCH /me", `{"role":"admin"}`)
	if r.value(`SELECT role FROM users WHERE id = 3`) == "admin" {
		pg.Exec(r.t, r.own, `UPDATE users SET role = 'user' WHERE id = 3`) // for the other attacks
		return "the role of an admin"
	}
	return ""
}

func (r *raid) seesHash() string {
	if got := r.do("mallory", "GET /me", ""); strings.Contains(got.body, "hash-of-") {
		return "a hash to learn from"
	}
	return ""
}

func (r *raid) searchesForHashes() string {
	q := `' UNION SELECT id, email, id, password_hash FROM users --`
	got := r.do("mallory", "GET /orders?q="+url.QueryEscape(q), "")
	if strings.Contains(got.body, "hash-of-bob") {
		return "everybody's e-mail address and hash"
	}
	return ""
}

func (r *raid) fetchesCredentials() string {
	got := r.do("mallory", "POST /webhooks", `{"url":"http://`+metadata+`/latest/meta-data/"}`)
	if strings.Contains(got.body, credentials) {
		return "the credentials of the cloud"
	}
	if dialled, _ := r.net.reached(); len(dialled) > 0 {
		return "a request from inside"
	}
	return ""
}

func (r *raid) guessesOn() string {
	for _, a := range r.guess("bob@shop.example", 20) {
		if a.status == http.StatusTooManyRequests {
			return ""
		}
	}
	return "as many guesses as she likes"
}

func (r *raid) fillsTheMemory() string {
	m := &measured{Reader: padded(`{"name":"Mallory"}`, 10<<20, true)}
	r.serve(request("mallory", "PATCH /me", m))
	if m.n > 2*maxBody {
		return fmt.Sprintf("%d MiB of memory a request", m.n>>20)
	}
	return ""
}

func (r *raid) readsFromHerPage() string {
	req := request("bob", "GET /orders", nil)
	req.Header.Set("Origin", "https://mallory.example")
	allowed := r.serve(req).header.Get("Access-Control-Allow-Origin")
	if allowed == "https://mallory.example" {
		return "whatever bob's browser can read"
	}
	return ""
}

func (r *raid) deletesCarl() string {
	r.do("mallory", "DELETE /admin/users/5", "")
	if pg.Count(r.t, r.own, `SELECT count(*) FROM users WHERE id = 5`) == 0 {
		return "carl's account, gone"
	}
	return ""
}

func (r *raid) dropsTheOrders() string {
	r.do("mallory", "GET /orders?sort="+url.QueryEscape("id LIMIT 1; DROP TABLE orders --"), "")
	if r.value(`SELECT coalesce(to_regclass('orders')::text, 'none')`) == "none" {
		pg.Exec(r.t, r.own, `CREATE TABLE orders (id bigserial, user_id bigint, item text,
			price bigint, note text)`) // for what comes
		return "all orders, gone"
	}
	return ""
}
