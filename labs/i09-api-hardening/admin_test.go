package shop_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
)

func TestAdminsOnly(t *testing.T) {
	s := open(t)
	for _, who := range []string{"mallory", "carl"} {
		for _, id := range []string{"5", "3", "999"} {
			got := s.do(who, "DELETE /admin/users/"+id, "")
			expect.That(t, got.status == 403 || got.status == 404, expect.Message{
				Did:  fmt.Sprintf("sent DELETE /admin/users/%s as %s, who is no admin", id, who),
				Want: "403 or 404",
				Got:  got.String(),
				Why: "that a path is linked nowhere keeps nobody from it; may they is a " +
					"question for each function, not for each page",
			})
		}
	}
	wantUntouched(t, s, "sent DELETE /admin/users/5 as users who are no admins")
	s.wants("olga", "DELETE /admin/users/5", "", 204, "")
	left := s.value(`SELECT string_agg(id::text, ' ' ORDER BY id) FROM users`)
	expect.That(t, left == "1 2 3 4", expect.Message{
		Did: "sent DELETE /admin/users/5 as olga, the admin", Want: "users 1 2 3 4 left",
		Got: left, Why: "secure and useless: that is what the function is for"})
	s.wants("olga", "DELETE /admin/users/5", "", 404, "")
	pg.Exec(t, s.own, `INSERT INTO users (id, email, name, password_hash) VALUES (9080, 'dave@shop.example', 'Dave', '')`)
	s.wants("olga", "DELETE /admin/users/9080", "", 204, "")
	for _, id := range []string{"one", "1.0", "99999999999999999999"} {
		got := s.do("olga", "DELETE /admin/users/"+id, "")
		expect.That(t, got.status == 404 || got.status == 400, expect.Message{
			Did:  fmt.Sprintf("sent DELETE /admin/users/%s as olga, the admin", id),
			Want: "404, or 400: there is no such user",
			Got:  got.String(),
			Why:  "an admin who mistypes a number and is told that it is done has deleted nobody, and does not know it",
		})
	}
	s.wants("bob", "GET /orders/1", "", 200, "lamp")
	wantRolesAreTodays(t, s)
}

// wantRolesAreTodays makes olga a user like others, and mallory the admin.
func wantRolesAreTodays(t *testing.T, s *site) {
	t.Helper()
	pg.Exec(t, s.own, `UPDATE users SET role = CASE id WHEN 3 THEN 'admin' ELSE 'user' END`)
	for _, id := range []string{"2", "999"} {
		got := s.do("olga", "DELETE /admin/users/"+id, "")
		left := s.value(`SELECT string_agg(id::text, ' ' ORDER BY id) FROM users`)
		expect.That(t, (got.status == 403 || got.status == 404) && left == "1 2 3 4", expect.Message{
			Did: fmt.Sprintf("deleted user 5 as olga, took the role of an admin from her, and sent "+
				"DELETE /admin/users/%s with the session that she has", id),
			Want: "403 or 404, and users 1 2 3 4 left",
			Got:  fmt.Sprintf("%s, and users %s left", got, left),
			Why: "a role is taken away because somebody is not to be trusted any more: what is remembered " +
				"of it beside the row is right until then",
		})
	}
	s.wants("mallory", "DELETE /admin/users/2", "", 204, "")
}

func TestNoOtherSpellingIsAWayIn(t *testing.T) {
	s := open(t)
	for _, line := range []string{
		"DELETE //admin/users/5", "DELETE /./admin/users/5", "DELETE /admin//users/5",
		"DELETE /x/../admin/users/5", "DELETE /%61dmin/users/5", "DELETE /admin%2Fusers%2F5",
		"DELETE /Admin/users/5", "DELETE /ADMIN/USERS/5", "DELETE /admin/users/5/",
		"DELETE /admin/users/05", "DELETE /admin/users/%35", "DELETE /admin/users/5?role=admin",
		"DELETE /admin/users/5;x", "DELETE /me/../admin/users/5", "DELETE /admin/users/+5",
		"DELETE http://shop.example/admin/users/5", "DELETE /admin;/users/5",
		"DELETE /orders/%2e%2e/admin/users/5",
	} {
		wantNobodyDeleted(t, s, line, nil)
	}
	for _, method := range []string{"POST", "GET", "PUT", "PATCH", "delete", "HEAD"} {
		wantNobodyDeleted(t, s, method+" /admin/users/5", map[string]string{
			"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE",
			"X-Method-Override": "DELETE"})
		wantNobodyDeleted(t, s, method+" /admin/users/5?_method=DELETE", nil)
	}
	for _, line := range []string{"DELETE /admin/users/5", "DELETE /me", "POST /me", "GET /me"} {
		wantNobodyDeleted(t, s, line, map[string]string{
			"X-Original-URL": "/admin/users/5", "X-Rewrite-URL": "/admin/users/5",
			"X-HTTP-Method-Override": "DELETE",
			"X-Forwarded-For":        "127.0.0.1", "X-Role": "admin", "X-User-Id": "4"})
	}
	s.wants("olga", "DELETE /admin/users/5", "", 204, "")
}

// wantNobodyDeleted sends a request as mallory. Where the mux sends her elsewhere, she goes.
func wantNobodyDeleted(t *testing.T, s *site, line string, header map[string]string) {
	t.Helper()
	r := request("mallory", line, nil)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	got := s.serve(r)
	if to := got.header.Get("Location"); to != "" {
		s.serve(request("mallory", r.Method+" "+to, nil))
	}
	did := fmt.Sprintf("sent %s as mallory, who is no admin", line)
	if header != nil {
		did += fmt.Sprintf(", with the headers %v", header)
	}
	users := s.value(`SELECT string_agg(id::text, ' ' ORDER BY id) FROM users`)
	deletes := r.Method == http.MethodDelete && header == nil
	expect.That(t, users == "1 2 3 4 5" && (!deletes || got.status >= 300), expect.Message{
		Did:  did,
		Want: "users 1 2 3 4 5, as before, and no 2xx",
		Got:  fmt.Sprintf("users %s, and %s", users, got),
		Why: "whoever compares texts before the mux has read them is got around by a text that " +
			"the mux reads in the same way",
	})
}
