package docs_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	docs "github.com/backend-labs/backend-labs/labs/i17-status-2xx"
)

var lamp = docs.Doc{ID: "7", Slug: "lamp", Text: "it <glows>"}

func TestReplySaysWhatHappened(t *testing.T) {
	for _, tt := range []struct {
		what     string
		o        docs.Outcome
		status   int
		location string
	}{
		{"Created, with a Location",
			docs.Outcome{Kind: docs.Created, Location: "/docs/7", Body: lamp}, 201, "/docs/7"},
		{"Found", docs.Outcome{Kind: docs.Found, Body: lamp}, 200, ""},
		{"Replaced, with a Body", docs.Outcome{Kind: docs.Replaced, Body: lamp}, 200, ""},
		{"Deleted, with a Body", docs.Outcome{Kind: docs.Deleted, Body: lamp}, 200, ""},
		{"Accepted, with a Monitor and a Body",
			docs.Outcome{Kind: docs.Accepted, Monitor: "/jobs/3", Body: lamp}, 202, "/jobs/3"},
	} {
		for _, tag := range []string{`"v7"`, `W/"v7"`, ""} {
			tt.o.ETag = tag
			got := reply(tt.o, "Content-Type", "text/html")
			did := fmt.Sprintf("called Reply with %s and the ETag %q, after somebody had set the "+
				"Content-Type text/html", tt.what, tag)
			wantJSON(t, got, tt.status, asJSON(lamp), expect.Message{Did: did,
				Why: "the status is all that a client reads that does not know this API"})
			expect.That(t, got.header.Get("Location") == tt.location, expect.Message{Did: did,
				Want: fmt.Sprintf("Location: %q", tt.location), Got: got.String(),
				Why: "created or begun: the next question is where"})
			expect.That(t, got.header.Get("ETag") == tag && (tag != "" ||
				len(got.header["Etag"]) == 0), expect.Message{Did: did,
				Want: fmt.Sprintf("ETag: %s", tag), Got: got.String(),
				Why: "with it a client can ask later whether something has changed"})
		}
	}
	for i, kind := range []docs.Kind{docs.Replaced, docs.Deleted, docs.Accepted} {
		what, status := []string{"Replaced", "Deleted", "Accepted"}[i], []int{200, 200, 202}[i]
		for _, body := range []any{docs.Doc{}, 0, false, "", map[string]int{}} {
			wantJSON(t, reply(docs.Outcome{Kind: kind, Body: body}), status, asJSON(body), expect.Message{
				Did: fmt.Sprintf("called Reply with %s and the Body %#v", what, body),
				Why: "this is a Body, and not nil: zero, false and what is empty are said, too"})
		}
	}
	got := reply(docs.Outcome{Kind: docs.Accepted, Monitor: "/jobs/3", ETag: `"v7"`})
	did := "called Reply with Accepted, a Monitor, an ETag and no Body"
	wantStatus(t, got, expect.Message{Did: did}, 202)
	expect.That(t, got.body == "" && got.header.Get("Location") == "/jobs/3", expect.Message{
		Did: did, Want: "no body, and Location: /jobs/3", Got: got.String()})
	expect.That(t, got.header.Get("ETag") == `"v7"`, expect.Message{Did: did, Want: `ETag: "v7"`,
		Got: got.String(), Why: "it is sent with each kind"})
}

func TestAnEmptyListIsAList(t *testing.T) {
	var none []docs.Doc
	for _, list := range []any{none, []docs.Doc{}, []int(nil)} {
		got := reply(docs.Outcome{Kind: docs.Found, Body: list})
		wantJSON(t, got, 200, "[]", expect.Message{
			Did: fmt.Sprintf("called Reply with Found and an empty %T, nil: %t", list,
				asJSON(list) == "null"),
			Why: "null is no list: clients that go through it fail, and nothing found is no failure"})
	}
	wantJSON(t, reply(docs.Outcome{Kind: docs.Replaced, Body: none}), 200, "[]", expect.Message{
		Did: "called Reply with Replaced and a nil slice as the Body", Why: "there is a body: a list"})
	wantJSON(t, reply(docs.Outcome{Kind: docs.Deleted, Body: none}), 200, "[]", expect.Message{
		Did: "called Reply with Deleted and a nil slice as the Body", Why: "there is a body: a list"})
	wantJSON(t, reply(docs.Outcome{Kind: docs.Accepted, Body: none}), 202, "[]", expect.Message{
		Did: "called Reply with Accepted and a nil slice as the Body", Why: "there is a body: a list"})
}

func TestA204HasNothing(t *testing.T) {
	for _, tt := range []struct {
		what string
		o    docs.Outcome
	}{
		{"Replaced, without a Body", docs.Outcome{Kind: docs.Replaced}},
		{"Deleted, without a Body", docs.Outcome{Kind: docs.Deleted}},
		{"NothingToSay", docs.Outcome{Kind: docs.NothingToSay}},
		{"NothingToSay, with a Body", docs.Outcome{Kind: docs.NothingToSay, Body: lamp}},
	} {
		for _, set := range [][]string{nil, {"Content-Type", "text/html", "Content-Length", "5"}} {
			tt.o.ETag = `"v8"`
			got := reply(tt.o, set...)
			did := fmt.Sprintf("called Reply with %s; headers that were set before: %q", tt.what, set)
			wantNothing(t, got, expect.Message{Did: did,
				Why: "204 says that nothing follows: where a server does send something, it is " +
					"taken for the beginning of the next answer"})
			expect.That(t, got.header.Get("ETag") == `"v8"`, expect.Message{Did: did +
				`; the ETag is "v8"`, Want: `ETag: "v8"`, Got: got.String(),
				Why: "it is about the document, not about this body"})
		}
	}
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		status  int
		body    string
		present bool
		fails   bool
	}{
		{200, asJSON(lamp), true, false}, {201, asJSON(lamp) + "\n", true, false},
		{202, " " + asJSON(lamp), true, false}, {226, asJSON(lamp), true, false},
		{203, asJSON(lamp), true, false}, {206, asJSON(lamp), true, false}, {299, asJSON(lamp), true, false},
		{204, "", false, false}, {205, "", false, false}, {204, asJSON(lamp), false, false},
		{205, asJSON(lamp), false, false},
		{200, "", false, true}, {200, "\n", false, true}, {201, "", false, true}, {202, "", false, true},
		{200, "{", false, true}, {200, "OK", false, true}, {200, asJSON(lamp) + "{}", false, true},
		{200, asJSON(lamp) + "x", false, true}, {200, asJSON(lamp) + "}", false, true},
		{200, asJSON(lamp) + "]", false, true}, {200, asJSON(lamp) + far + "x", false, true},
		{200, asJSON(lamp) + far, true, false}, {200, far + asJSON(lamp), true, false},
		{200, strings.TrimSuffix(asJSON(lamp), "}") + `,"since":2020}`, true, false},
		{404, asJSON(lamp), false, true}, {500, "", false, true}, {303, asJSON(lamp), false, true},
		{304, "", false, true}, {199, asJSON(lamp), false, true}, {300, asJSON(lamp), false, true},
		{409, asJSON(lamp), false, true}, {600, asJSON(lamp), false, true}, {999, asJSON(lamp), false, true},
		{200, "\ufeff" + asJSON(lamp), false, true},
	} {
		res, closed := response(tt.status, tt.body)
		v, present, err := docs.Decode[docs.Doc](res)
		shown := strings.ReplaceAll(tt.body, far, " (10,000 spaces) ")
		did := fmt.Sprintf("called Decode with a %d and the body %q", tt.status, shown)
		got := fmt.Sprintf("%+v, present: %t, error: %v", v, present, err)
		switch {
		case tt.fails:
			expect.That(t, err != nil && !present, expect.Message{Did: did,
				Want: "an error, and no value", Got: got,
				Why: "whoever takes it for a value goes on with an empty document, or with half of it"})
		case tt.present:
			expect.That(t, err == nil && present && v == lamp, expect.Message{Did: did,
				Want: fmt.Sprintf("%+v, present: true, no error", lamp), Got: got})
		default:
			expect.That(t, err == nil && !present, expect.Message{Did: did,
				Want: "no value and no error", Got: got,
				Why: "no content is what the server promised, not a failure to read it"})
		}
		if tt.status < 200 || tt.status > 299 {
			wantNumber(t, did, err, tt.status)
		}
		expect.That(t, closed(), expect.Message{Did: did, Want: "the body of the response is closed",
			Got: fmt.Sprintf("that of the %d is open", tt.status),
			Why: "its connection is never used again, and one day there is none left"})
	}
	res, closed := response(200, "")
	res.Body.(*closer).Reader = io.MultiReader(strings.NewReader("12"), iotest.ErrReader(io.ErrUnexpectedEOF))
	v, present, err := docs.Decode[int](res)
	expect.That(t, err != nil && !present && closed(), expect.Message{
		Did:  "called Decode with a 200 whose connection was cut after 12",
		Want: "an error, no value, and the body of the response is closed",
		Got:  fmt.Sprintf("%d, present: %t, error: %v, closed: %t", v, present, err, closed()),
		Why:  "it may have been the beginning of 1200: what was read is not what was sent"})
	res, _ = response(200, asJSON(lamp))
	res.ContentLength = -1 // as net/http says it of an answer in chunks
	one, present, err := docs.Decode[docs.Doc](res)
	expect.That(t, err == nil && present && one == lamp, expect.Message{
		Did:  "called Decode with a 200 whose length is not known before (a ContentLength of -1)",
		Want: fmt.Sprintf("%+v, present: true, no error", lamp),
		Got:  fmt.Sprintf("%+v, present: %t, error: %v", one, present, err),
		Why:  "a server that writes more than fits in its buffer does not say how long it will be"})
}

// far is more space than a decoder reads at once.
var far = strings.Repeat(" ", 10_000)

func wantNumber(t *testing.T, did string, err error, status int) {
	t.Helper()
	text := ""
	if err != nil {
		text = err.Error()
	}
	expect.That(t, contains(text, fmt.Sprint(status)), expect.Message{Did: did,
		Want: fmt.Sprintf("an error whose text has %d", status), Got: fmt.Sprintf("%q", text),
		Why: "who reads it in a log can tell a 404 from a 503"})
}

func TestDecodeOfLists(t *testing.T) {
	for _, body := range []string{"[]", `["a"]`} {
		res, _ := response(200, body)
		v, present, err := docs.Decode[[]string](res)
		expect.That(t, err == nil && present && v != nil && asJSON(v) == body, expect.Message{
			Did:  fmt.Sprintf("called Decode with a 200 and the list %s", body),
			Want: "this list, present: true, no error",
			Got:  fmt.Sprintf("%v, present: %t, error: %v", v, present, err),
			Why:  "an empty list is an answer; only a 204 has none"})
	}
	res, _ := response(200, "null")
	none, present, err := docs.Decode[*docs.Doc](res)
	expect.That(t, err == nil && present && none == nil, expect.Message{
		Did:  "called Decode with a 200 and the body null",
		Want: "nil, present: true, no error",
		Got:  fmt.Sprintf("%v, present: %t, error: %v", none, present, err),
		Why:  "null is a JSON value: the server has answered, and this is what it says"})
	for _, body := range []string{"0", "-1.5", "false", `"OK"`, `""`} {
		res, _ := response(200, body)
		v, present, err := docs.Decode[any](res)
		expect.That(t, err == nil && present && asJSON(v) == body, expect.Message{
			Did:  fmt.Sprintf("called Decode with a 200 and the body %s", body),
			Want: "this value, present: true, no error",
			Got:  fmt.Sprintf("%v, present: %t, error: %v", v, present, err),
			Why:  "numbers, texts and false are JSON values as well as lists and objects are"})
	}
	const many = 2 << 20
	res, _ = response(200, `["`+strings.Repeat("a", many)+`"]`)
	v, present, err := docs.Decode[[]string](res)
	expect.That(t, err == nil && present && len(v) == 1 && len(v[0]) == many, expect.Message{
		Did:  fmt.Sprintf("called Decode with a 200 and a list of one text of %d bytes", many),
		Want: "this list, present: true, no error",
		Got:  fmt.Sprintf("%d texts, present: %t, error: %v", len(v), present, err),
		Why:  "where an answer ends is for the server to say; an export is larger than that"})
}
