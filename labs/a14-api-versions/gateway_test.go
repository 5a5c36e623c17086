package versions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	versions "github.com/backend-labs/backend-labs/labs/a14-api-versions"
)

// wantEcho demands the version that an answer says it is in.
func wantEcho(t *testing.T, did string, got answer, version string) {
	t.Helper()
	echo := got.header.Values("API-Version")
	expect.That(t, slices.Equal(echo, []string{version}), expect.Message{Did: did,
		Want: "the answer says API-Version: " + version, Got: fmt.Sprintf("API-Version: %q", echo),
		Why: "in a support call that is the first question, and most clients do not know what they " +
			"have asked for"})
}

func TestWhichVersion(t *testing.T) {
	core, h := alphabet(nil)
	core.reply.header = []string{"API-Version", y2026}
	for _, tt := range []struct{ sent, pinned, want, why string }{
		{y2024, "", y2024, ""}, {y2025, "", y2025, ""}, {y2026, "", y2026, ""},
		{"", y2024, y2024, "it was pinned when it came, and stays there until it moves"},
		{"", y2025, y2025, "it was pinned when it came, and stays there until it moves"},
		{"", y2026, y2026, ""},
		{y2026, y2024, y2026, "with the header a client tries the next version before it moves"},
		{y2024, y2026, y2024, "with the header a client says what it can read"},
		{"", "", y2024, "a client that never heard of versions was written for the first; with any " +
			"other default each release breaks it"},
	} {
		did := fmt.Sprintf("GET /x with the API-Version %q, pinned to %q", tt.sent, tt.pinned)
		got := send(h, "GET", "/x", "", "API-Version", tt.sent, "Account-Pinned-To", tt.pinned)
		wantAnswer(t, did, got, 200, `{"`+letterOf[tt.want]+`":1}`, tt.why)
		wantEcho(t, did, got, tt.want)
	}

	for i := 1; i <= len(all); i++ {
		last := all[i-1]
		core := &fake{reply: reply{body: `{"` + letterOf[last] + `":1}`}}
		h := versions.NewGateway(core, all[:i], letters()[:i-1], nil, byAccount)
		for _, pinned := range []string{"", y2024} {
			did := fmt.Sprintf("released %s; GET /x without API-Version, pinned to %q", last, pinned)
			got := send(h, "GET", "/x", "", "Account-Pinned-To", pinned)
			wantAnswer(t, did, got, 200, `{"a":1}`, "a release is nothing that a client should notice")
		}
	}
}

func TestAnUnknownVersion(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		sunset := time.Now().Add(time.Hour)
		const last = 2 * time.Hour
		life := map[string]versions.Lifecycle{y2025: {SunsetAt: sunset}}
		for _, version := range []string{y2024, y2026} {
			life[version] = versions.Lifecycle{SunsetAt: time.Now().Add(last)}
		}
		_, h := alphabet(life)
		for _, tt := range []struct {
			after time.Duration
			want  []string
		}{{0, all}, {time.Hour, all}, {time.Hour + time.Second, []string{y2024, y2026}}, {last + time.Second, []string{}}} {
			time.Sleep(time.Until(sunset.Add(tt.after - time.Hour)))
			want := tt.want
			for _, unknown := range []string{"2023-01-01", "2024-01-02", "2025", "2099-01-01", "latest",
				y2024 + "x"} {
				for _, name := range []string{"API-Version", "Account-Pinned-To"} {
					did := fmt.Sprintf("GET /x with %s: %s", name, unknown)
					switch {
					case tt.after == time.Hour:
						did += ", just at the sunset of " + y2025
					case len(want) == 0:
						did += ", after all have ended"
					case len(want) < len(all):
						did += ", after the sunset of " + y2025
					}
					header := []string{name, unknown}
					if name == "API-Version" && unknown == "latest" {
						header, did = append(header, "Account-Pinned-To", y2024), did+", pinned to "+y2024
					}
					got := send(h, "GET", "/x", "", header...)
					wantProblem(t, did, got, 400, "any version that is guessed for it may be the wrong one")
					members, _ := value(got.body).(map[string]any)
					list, there := members["versions"].([]any)
					var has []string
					for _, v := range list {
						has = append(has, fmt.Sprint(v))
					}
					slices.Sort(has)
					expect.That(t, there && slices.Equal(has, want), expect.Message{Did: did,
						Want: fmt.Sprintf("a member versions that lists %q", want), Got: got.String(),
						Why: "whoever reads it should find what to write instead"})
				}
			}
		}
	})
}

// untouchable fails wherever it is applied.
func untouchable(version string) versions.Change {
	no := func(any) (any, error) { return nil, errors.New("this is no business of " + version) }
	return versions.Change{Version: version, Up: no, Down: no}
}

func TestStepByStep(t *testing.T) {
	core := &fake{reply: reply{body: `{"d":1}`}}
	list := []string{"v9", "v10", "v11"}
	changes := []versions.Change{
		{Version: "v11"},
		rename("v11", "", "b", "c"),
		rename("v10", "", "a", "b"),
		untouchable("v9"),
		rename("v11", "", "c", "d"),
	}
	h := versions.NewGateway(core, list, changes, nil, nobody)
	for round := range 2 {
		for i, version := range list {
			want := fmt.Sprintf(`{"%s":1}`, []string{"a", "b", "d"}[i])
			did := fmt.Sprintf("v10 makes b of a, v11 c of b and then d of c; PATCH /x %s in version %s, "+
				"round %d", want, version, round+1)
			got := send(h, "PATCH", "/x", want, in(version)...)
			wantHeard(t, did, core, `{"d":1}`, "each step builds on the one before it, from the old to the new")
			wantAnswer(t, did+`; the core answers {"d":1}`, got, 200, want,
				"on the way back the last step is the first to be undone")
		}
	}
	wantAnswer(t, "versions are v9, v10 and v11, oldest first; GET /x without a version", send(h, "GET", "/x", ""),
		200, `{"a":1}`, "the oldest is the first of them, whatever it is called")
	for _, unknown := range []string{"V9", "v1", "9"} {
		wantProblem(t, "versions are v9, v10 and v11; GET /x in "+unknown, send(h, "GET", "/x", "", in(unknown)...), 400,
			"it may be another one, and whoever wrote it should learn of it")
	}
	core.take()
	again := versions.NewGateway(core, []string{"v10", "v9"}, []versions.Change{
		rename("v9", "", "e", "d"), untouchable("v10")}, nil, nobody)
	got := send(again, "PATCH", "/x", `{"e":1}`, in("v10")...)
	wantHeard(t, `versions are v10 and, newer, v9, which makes d of e; PATCH /x {"e":1} in v10`, core,
		`{"d":1}`, "names of versions are only names")
	wantAnswer(t, "versions are v10 and, newer, v9; PATCH /x in v10", got, 200, `{"e":1}`, "")
}

func TestRoutes(t *testing.T) {
	core := &fake{}
	mark := func(route string) versions.Change {
		add := func(body any) (any, error) { return append(body.([]any), route), nil }
		return versions.Change{Version: y2026, Route: route, Up: add, Down: add}
	}
	routes := []string{"GET /orders/{id}", "/orders/", "", "POST /refunds", "/refunds", "GET /orders/{id}",
		"GET /orders/new", "GET /customers/{id}", "PATCH /customers/{id}", "/files/{path...}", "GET /shelf/{$}",
		"PUT shop.example/shelf/"}
	var changes []versions.Change
	for _, route := range routes {
		changes = append(changes, mark(route))
	}
	h := versions.NewGateway(core, []string{y2025, y2026}, changes, nil, nobody)
	list := func(those ...int) string {
		names := make([]string, len(those))
		for i, n := range those {
			names[i] = routes[n]
		}
		return text(names)
	}
	for _, tt := range []struct {
		method, path string
		up, down     string
	}{
		{"GET", "/orders/7", list(0, 1, 2, 5), list(5, 2, 1, 0)},
		{"GET", "/orders/new", list(0, 1, 2, 5, 6), list(6, 5, 2, 1, 0)},
		{"DELETE", "/orders/7", list(1, 2), list(2, 1)},
		{"GET", "/orders/7/items", list(1, 2), list(2, 1)},
		{"POST", "/refunds", list(2, 3, 4), list(4, 3, 2)},
		{"GET", "/refunds", list(2, 4), list(4, 2)},
		{"PATCH", "/customers/7", list(2, 8), list(8, 2)},
		{"GET", "/customers/7", list(2, 7), list(7, 2)},
		{"PATCH", "/customers", list(2), list(2)},
		{"GET", "/", list(2), list(2)},
		{"GET", "/files/a/b/c.json", list(2, 9), list(9, 2)},
		{"POST", "/files/", list(2, 9), list(9, 2)},
		{"GET", "/shelf/", list(2, 10), list(10, 2)},
		{"GET", "/shelf/x", list(2), list(2)},
		{"PUT", "http://shop.example/shelf/x", list(2, 11), list(11, 2)},
		{"PUT", "http://other.example/shelf/x", list(2), list(2)},
		{"GET", "/orders/a%2Fb", list(0, 1, 2, 5), list(5, 2, 1, 0)},
	} {
		core.reply.body = "[]"
		did := fmt.Sprintf("changes have the routes %q; %s %s []", routes, tt.method, tt.path)
		got := send(h, tt.method, tt.path, "[]", in(y2025)...)
		wantHeard(t, did, core, tt.up, "each change is about the requests that its route matches")
		wantAnswer(t, did, got, 200, tt.down, "each change is about the requests that its route matches")
	}
}

func TestOnlyJSONIsTranslated(t *testing.T) {
	core, h := alphabet(nil)
	const body = "{\"a\" : 1,\r\n\"c\":  1}\n"
	wantPassed := func(t *testing.T, did, passed, after, why string) {
		t.Helper()
		expect.That(t, passed == after, expect.Message{Did: did, Want: fmt.Sprintf("it passes as it is: %q", passed),
			Got: fmt.Sprintf("%q", after), Why: why})
	}
	for _, media := range []string{"text/plain", "application/json-seq", "application/jsonl", "text/csv",
		"application/x+jsonx", "text/json", "image/png", "application/+json+xml", ""} {
		header := append(in(y2024), "Content-Type", media)
		core.reply = reply{media: media, body: body, header: []string{"Content-Length", fmt.Sprint(len(body))}}
		if media == "" {
			core.reply.media = "-"
		}
		got := send(h, "PUT", "/x", body, header...)
		asked, _ := core.take()
		did := fmt.Sprintf("PUT /x in version %s, both bodies with the Content-Type %q", y2024, media)
		const why = "it may look like JSON, and means something else"
		wantPassed(t, did+", of the request", body, asked.body, why)
		wantPassed(t, did+", of the answer", body, got.body, why)
		wantLength(t, did, got)
	}
	photo := strings.Repeat("\xff\xd8", 3<<19)
	core.reply = reply{media: "image/jpeg", body: photo}
	for _, version := range all {
		got := send(h, "PUT", "/x", photo, append(in(version), "Content-Type", "image/jpeg")...)
		asked, _ := core.take()
		expect.That(t, asked.body == photo && got.body == photo, expect.Message{
			Did: fmt.Sprintf("PUT /x in version %s with a photo of %d bytes, that comes back as the answer", version,
				len(photo)),
			Want: "it passes as it is, both ways",
			Got:  fmt.Sprintf("the core got %d bytes, the client %d: %.80q", len(asked.body), len(got.body), got.body),
			Why:  "how much a client may send the core knows best, and half a photo is none"})
	}
	for _, media := range []string{"application/json", "application/json; charset=utf-8",
		"application/problem+json", "Application/JSON", "application/vnd.shop.v1+json;q=\"a,b\"",
		"application/merge-patch+JSON", "application/json ; charset=utf-8", "application/json;v=1;w=\"x;y\"",
		"text/vnd.shop+json", "application/problem+json\t;x=y"} {
		core.reply = reply{media: media, body: `{"c":1}`}
		got := send(h, "PUT", "/x", `{"a":1}`, append(in(y2024), "Content-Type", media)...)
		did := fmt.Sprintf("PUT /x {\"a\":1} in version %s, both bodies with the Content-Type %q", y2024, media)
		wantHeard(t, did, core, `{"c":1}`, "it is JSON under another name")
		wantAnswer(t, did+`; the core answers {"c":1}`, got, 200, `{"a":1}`, "it is JSON under another name")
		expect.That(t, got.header.Get("Content-Type") == media, expect.Message{Did: did,
			Want: "the Content-Type as the core has set it", Got: got.header.Get("Content-Type")})
	}
	for _, status := range []int{200, 204, 304} {
		core.reply = reply{status: status}
		got := send(h, "DELETE", "/x", "", append(in(y2024), "Content-Type", "application/json")...)
		asked, n := core.take()
		did := fmt.Sprintf("DELETE /x without a body, but with the Content-Type application/json, in version %s", y2024)
		expect.That(t, n == 1 && asked.body == "", expect.Message{Did: did,
			Want: "the core is asked, with an empty body", Got: fmt.Sprintf("%v, and the core was asked %d times",
				got, n), Why: "many clients send that header with every request"})
		did += fmt.Sprintf("; the core answers %d with nothing", status)
		expect.That(t, got.status == status && got.body == "", expect.Message{Did: did,
			Want: fmt.Sprintf("%d and nothing", status), Got: got.String(),
			Why: "null is a body; a 204 must not have one"})
	}
	for _, newest := range []string{body, `{"c":1}{"c":2}`, `{"c":`, "[1,2,]", `{"c":"<&\u003c"}`} {
		core.reply = reply{body: newest}
		got := send(h, "PUT", "/x", newest, in(y2026)...)
		asked, _ := core.take()
		did := "PUT /x in the newest version with a body that comes back as the answer"
		const why = "a client that has moved to the core's version needs nobody in between, and signs or hashes " +
			"what it sends"
		wantPassed(t, did+", the request", newest, asked.body, why)
		wantPassed(t, did+", the answer", newest, got.body, why)
	}
}

func TestWhatCannotBeTranslated(t *testing.T) {
	core := &fake{reply: reply{body: `{"c":1}`, header: []string{"Content-Length", "7"}}}
	broken := errors.New("no such currency")
	changes := append(letters(), versions.Change{Version: y2026, Route: "POST /up",
		Up: func(body any) (any, error) { return body, broken }},
		versions.Change{Version: y2025, Route: "POST /down",
			Down: func(body any) (any, error) { return nil, broken }})
	h := versions.NewGateway(core, all, changes, nil, nobody)
	for _, bad := range []string{`{"a":1`, `{"a":1}x`, `{"a":1}{"a":2}`, `{"a":1},`, "a=1", " \r\n", `{'a':1}`,
		`{"a":1} null`, `{"a":1}]`} {
		did := request("POST", "/x", bad, y2024)
		got := send(h, "POST", "/x", bad, in(y2024)...)
		wantProblem(t, did, got, 400, "what is not JSON cannot be translated, and it is the client that must mend it")
		wantEcho(t, did, got, y2024)
		wantNotAsked(t, did, core, "it would be asked something that nobody has said")
	}
	for _, good := range []string{"null", "true", `"a"`, "[1]", "7", "{}", "{\"a\":1}\r\n \t"} {
		got := send(h, "POST", "/x", good, in(y2024)...)
		wantHeard(t, request("POST", "/x", good, y2024), core, strings.Replace(good, "a\":", "c\":", 1),
			"whatever JSON value it is, it is one")
		wantAnswer(t, request("POST", "/x", good, y2024), got, 200, `{"a":1}`, "")
	}
	empty := versions.NewGateway(core, all, []versions.Change{{Version: y2026,
		Up:   func(body any) (any, error) { return map[string]any{"was": body}, nil },
		Down: func(body any) (any, error) { return []any{body}, nil }}}, nil, nobody)
	core.reply = reply{body: "null"}
	got := send(empty, "POST", "/x", "null", in(y2024)...)
	const wraps = "null is a value like the others: the change knows what becomes of it"
	did := request("POST", "/x", "null", y2024) + `, where an Up makes {"was":null} of it`
	wantHeard(t, did, core, `{"was":null}`, wraps)
	wantAnswer(t, did+"; the core answers null, of which the Down makes [null]", got, 200, "[null]", wraps)
	core.reply = reply{body: `{"c":1}`, header: []string{"Content-Length", "7"}}
	for _, version := range []string{y2024, y2025} {
		did := request("POST", "/up", `{"a":1}`, version) + ", where an Up of " + y2026 + " returns an error"
		got := send(h, "POST", "/up", `{"a":1}`, in(version)...)
		wantProblem(t, did, got, 400, "the request says something that the newer version has no words for")
		wantEcho(t, did, got, version)
		wantNotAsked(t, did, core, "half translated it means something else")
	}
	did = request("POST", "/down", `{"a":1}`, y2024) + ", where a Down of " + y2025 + " returns an error"
	got = send(h, "POST", "/down", `{"a":1}`, in(y2024)...)
	wantProblem(t, did, got, 500, "the client has done nothing wrong, and cannot read what the core says")
	wantEcho(t, did, got, y2024)
	got = send(h, "POST", "/down", `{"b":1}`, in(y2025)...)
	wantAnswer(t, request("POST", "/down", `{"b":1}`, y2025)+", which that change does not concern", got, 200,
		`{"b":1}`, "")
}

func TestHeadersAndStatusAreTheCores(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		core, h := alphabet(nil)
		for _, version := range all {
			core.reply = reply{status: 203, body: `{"c":"1"}`, header: []string{"Content-Length", "9",
				"Set-Cookie", "a=1", "Set-Cookie", "b=2", "Location", "/x/7", "Link", `</x?page=2>; rel="next"`,
				"Vary", "Origin"}}
			if version == y2025 { // longer than a server would count by itself
				core.reply.body = `{"c":"` + strings.Repeat("long", 2000) + `"}`
				core.reply.header[1] = fmt.Sprint(len(core.reply.body))
			}
			body := strings.Replace(core.reply.body, "c", letterOf[version], 1)
			l := memhttp.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, "ann")))
			}))
			req, _ := http.NewRequest("PATCH", memhttp.URL+"/x?q=1", strings.NewReader(body))
			req.Header.Set("API-Version", version)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer t")
			req.Host = "shop.example"
			did := "PATCH /x?q=1 in version " + version + " over a connection"
			res, err := l.Client().Do(req)
			expect.NoError(t, err, expect.Message{Did: did, Want: "an answer"})
			data, err := io.ReadAll(res.Body)
			res.Body.Close()
			expect.NoError(t, err, expect.Message{Did: did, Want: "the whole answer",
				Why: "its Content-Length is that of another body"})
			got := answer{res.StatusCode, res.Header, string(data)}
			wantAnswer(t, did, got, 203, body, "")
			asked := core.asked[0]
			wantHeard(t, did, core, core.reply.body, "")
			expect.That(t, asked.method == "PATCH" && asked.path == "/x" &&
				asked.header.Get("Authorization") == "Bearer t", expect.Message{Did: did,
				Want: "the core gets method, path and headers of the request",
				Got:  fmt.Sprintf("%s %s, %v", asked.method, asked.path, asked.header)})
			expect.That(t, asked.query == "q=1" && asked.host == "shop.example" && asked.who == "ann", expect.Message{Did: did +
				"; somebody in front of the gateway has put who it is from into the request's context",
				Want: "the core gets the query, the Host and the context of the request: q=1, shop.example and ann",
				Got:  fmt.Sprintf("%q, %q and %v", asked.query, asked.host, asked.who),
				Why:  "all but the body is as the client has sent it, and as those have left it who stand in front"})
			for name, want := range map[string][]string{"Set-Cookie": {"a=1", "b=2"}, "Location": {"/x/7"},
				"Link": {`</x?page=2>; rel="next"`}} {
				expect.That(t, slices.Equal(got.header.Values(name), want), expect.Message{Did: did,
					Want: fmt.Sprintf("%s: %q, as the core has set it", name, want),
					Got:  fmt.Sprintf("%q", got.header.Values(name))})
			}
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	core := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		time.Sleep(time.Millisecond) // others are in here, too
		reply{body: string(body)}.send(w)
	})
	bubble.Run(t, func(t *testing.T) {
		h := versions.NewGateway(core, all, letters(), nil, byAccount)
		var wg sync.WaitGroup
		answers := make([]answer, 60)
		body := func(i int) string { return fmt.Sprintf(`{"%s":%d}`, letterOf[all[i%3]], i) }
		for i := range answers {
			wg.Go(func() { answers[i] = send(h, "PATCH", fmt.Sprint("/x/", i), body(i), in(all[i%3])...) })
		}
		wg.Wait()
		for i, got := range answers {
			did := fmt.Sprintf("sent 60 requests in three versions at once, of which one is PATCH /x/%d %s", i, body(i))
			wantAnswer(t, did, got, 200, body(i), "each has to get what it has asked for")
			wantEcho(t, did, got, all[i%3])
		}
	})
}
