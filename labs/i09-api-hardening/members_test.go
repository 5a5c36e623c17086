package shop_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestAnswersHaveTheirMembersAndNoMore(t *testing.T) {
	s := open(t)
	for _, shown := range []struct{ who, line, body, members string }{
		{"ann", "GET /me", "", "email id name role"},
		{"olga", "GET /me", "", "email id name role"},
		{"ann", "PATCH /me", `{"name":"Anna"}`, "email id name role"},
		{"ann", "GET /orders/2", "", "id item note price"},
		{"ann", "PUT /orders/2", `{"note":"x"}`, "id item note price"},
		{"ann", "GET /orders", "", "id item note price"},
		{"ann", "POST /webhooks", `{"url":"https://hooks.example/"}`, "id url"},
	} {
		got := s.do(shown.who, shown.line, shown.body)
		expect.That(t, members(got.body) == shown.members, expect.Message{
			Did:  fmt.Sprintf("sent %s as %s%s", shown.line, shown.who, with(shown.body)),
			Want: "an object with the members " + shown.members + ", and no others",
			Got:  got.String(),
			Why: "what the app does not show is in the answer all the same, for whoever looks: " +
				"a hash to try passwords on at home, or what somebody else's server has said",
		})
	}
	s.wants("ann", "GET /me", "", 200, `"Anna"`)
	s.wants("olga", "GET /me", "", 200, `"admin"`)
	s.wants("ann", "GET /orders/2", "", 200, "7000")
}

// members are the names of those of an object, or of all objects in an array.
func members(body string) string {
	var all []map[string]any
	if !strings.HasPrefix(strings.TrimSpace(body), "[") {
		body = "[" + body + "]"
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil || len(all) == 0 {
		return "(no object)"
	}
	names := map[string]any{}
	for _, object := range all {
		maps.Copy(names, object)
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), " ")
}

func TestOtherBodiesAreRefused(t *testing.T) {
	s := open(t)
	for _, sent := range []struct{ line, body string }{
		{"PATCH /me", `{"role":"admin"}`},
		{"PATCH /me", `{"Role":"admin"}`},
		{"PATCH /me", `{"ROLE":"admin"}`},
		{"PATCH /me", `{"\u0072ole":"admin"}`},
		{"PATCH /me", `{"name":"Max","role":"admin"}`},
		{"PATCH /me", `{"role":"user","name":"Max","role":"admin"}`},
		{"PATCH /me", `{"id":2,"name":"Max"}`},
		{"PATCH /me", `{"name":"Max","email":"bob@shop.example"}`},
		{"PATCH /me", `{"name":"Max","password_hash":"hash-of-x"}`},
		{"PATCH /me", `{"name":"Max","nickname":"m"}`},
		{"PUT /orders/2", `{"note":"x","price":1}`},
		{"PUT /orders/2", `{"note":"x","user_id":3}`},
		{"PUT /orders/2", `{"note":"x","item":"gold"}`},
		{"POST /webhooks", `{"url":"https://hooks.example/","user_id":2}`},
		{"POST /login", `{"email":"ann@shop.example","password":"ann-secret","role":"admin"}`},
	} {
		got := s.do("ann", sent.line, sent.body)
		did := fmt.Sprintf("sent %s as ann with %s", sent.line, sent.body)
		expect.That(t, got.status == 422, expect.Message{
			Did:  did,
			Want: "422: the table does not name all of these members",
			Got:  got.String(),
			Why: "what a client may set is a list of yours, not whatever the row happens to " +
				"have; a client that is told of its mistake does not believe that it worked",
		})
		wantUntouched(t, s, did)
	}
	wantJSON(t, s)
	s.wants("ann", "PATCH /me", ` { "name" : "Anna" } `, 200, "Anna")
	s.wants("ann", "PUT /orders/2", `{"note":"ring twice"}`, 200, "ring twice")
	s.wants("ann", "POST /webhooks", `{"url":"https://hooks.example/"}`, 201, "hooks.example")
}

// wantJSON demands that what is not one JSON object is refused.
func wantJSON(t *testing.T, s *site) {
	t.Helper()
	deep := strings.Repeat("[", 10_000)
	for _, line := range []string{"PATCH /me", "PUT /orders/2", "POST /webhooks", "POST /login"} {
		for _, body := range []string{"", `{"name":`, `{"name":"a"} {"role":"admin"}`, "name=Max",
			`{"note":"x"}garbage`, `{"name":"Max"}}`, `{"note":"x"}]`, `{"url":"https://hooks.example/"}}`,
			`{"email":"ann@shop.example","password":"ann-secret"}]`, `{"name":` + deep, `["name"]`} {
			got := s.do("ann", line, body)
			did := fmt.Sprintf("sent %s as ann with %q", line, shorten(body))
			expect.That(t, got.status == 400 || got.status == 422, expect.Message{
				Did:  did,
				Want: "400 or 422: this is not one JSON object",
				Got:  got.String(),
				Why: "half a body is no smaller one: whoever reads as far as it makes sense " +
					"does something that nobody has asked for",
			})
			wantUntouched(t, s, did)
		}
	}
}
