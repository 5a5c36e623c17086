package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	problem "github.com/backend-labs/backend-labs/labs/i08-problem-details"
)

const media = "application/problem+json"

// parse lets Parse read a response.
func parse(t *testing.T, status int, kind, body string) problem.Problem {
	t.Helper()
	h := http.Header{}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	p, err := problem.Parse(&http.Response{StatusCode: status, Header: h,
		Body: io.NopCloser(strings.NewReader(body))})
	did := told(status, kind, body)
	expect.NoError(t, err, expect.Message{Did: did, Want: "a problem, and no error: the body could be read"})
	expect.That(t, p != nil, expect.Message{Did: did, Want: "a problem", Got: "nil"})
	return *p
}

func told(status int, kind, body string) string {
	return fmt.Sprintf("parsed a response with the status %d, of the media type %q and with the body %s",
		status, kind, body)
}

// same compares problems; an Ext that is empty is as good as none. They are not printed for that: a
// Problem may have a method that says less.
func same(a, b problem.Problem) bool {
	return a.Type == b.Type && a.Title == b.Title && a.Status == b.Status && a.Detail == b.Detail &&
		a.Instance == b.Instance && len(a.Ext) == len(b.Ext) &&
		(len(a.Ext) == 0 || asJSON(a.Ext) == asJSON(b.Ext))
}

// said is a problem in words.
func said(p problem.Problem) string {
	return fmt.Sprintf("type %q, title %q, status %d, detail %q, instance %q, Ext %s", p.Type, p.Title,
		p.Status, p.Detail, p.Instance, asJSON(p.Ext))
}

const (
	whole = `{"type":"https://api.example.com/problems/sold-out","title":"Sold out","status":409,` +
		`"detail":"come on Friday","instance":"urn:req:r-1","balance":30,"accounts":["/a/1"]}`
	whyTolerant = "RFC 9457, 3.2: clients ignore what they do not know, so that an API can add to its " +
		"answers without breaking anybody"
)

func TestParseReadsAProblem(t *testing.T) {
	want := problem.Problem{Type: "https://api.example.com/problems/sold-out", Title: "Sold out",
		Status: 409, Detail: "come on Friday", Instance: "urn:req:r-1",
		Ext: map[string]any{"balance": 30, "accounts": []string{"/a/1"}}}
	for _, kind := range []string{media, media + "; charset=utf-8", "Application/Problem+JSON",
		media + ";charset=utf-8", media + " ; charset", media + `; charset="utf-8"; v=2`} {
		got := parse(t, 409, kind, whole)
		expect.That(t, same(got, want), expect.Message{Did: told(409, kind, whole),
			Want: said(want), Got: said(got), Why: whyTolerant})
	}
	for _, body := range []string{"\n " + whole, whole + "\r\n\t "} {
		got := parse(t, 409, media, body)
		expect.That(t, same(got, want), expect.Message{Did: told(409, media, fmt.Sprintf("%q", body)),
			Want: said(want), Got: said(got), Why: "space round an object is no part of it; most servers end with a line feed"})
	}
	extensionsAsTheyAre(t)
	asItCameIn(t)
	long := strings.Repeat("and so on ", 10_000)
	read := parse(t, 409, media, `{"title":"Sold out","detail":"`+long+`"}`)
	expect.That(t, read.Title == "Sold out" && read.Detail == long, expect.Message{
		Did:  fmt.Sprintf("parsed a problem whose detail has %d bytes", len(long)),
		Want: "the title Sold out, and all of the detail",
		Got:  fmt.Sprintf("the title %q, and %d bytes of detail", read.Title, len(read.Detail)),
		Why:  "a limit that the contract does not have makes the longest explanation none",
	})
}

// asItCameIn parses responses as a client gets them whose server says in the status line what it likes, and does not say
// how long the body is.
func asItCameIn(t *testing.T) {
	t.Helper()
	for _, tt := range []struct{ body, title string }{{`{"title":"Sold out"}`, "Sold out"}, {`{"detail":"d"}`, "Conflict"}} {
		got, err := problem.Parse(&http.Response{Status: "409 Shop Says No", StatusCode: 409, ContentLength: -1,
			Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(strings.NewReader(tt.body))})
		did := told(409, media, tt.body) + `, with the status line "409 Shop Says No" and without a Content-Length`
		expect.NoError(t, err, expect.Message{Did: did, Want: "a problem, and no error: the body could be read"})
		expect.That(t, got != nil && got.Title == tt.title, expect.Message{Did: did,
			Want: fmt.Sprintf("the title %q", tt.title), Got: fmt.Sprintf("%+v", got),
			Why: "HTTP/2 has no such words at all, so nobody may depend on them; and most bodies that are made for one " +
				"request come without their length"})
	}
}

// extensionsAsTheyAre has members that look like something else.
func extensionsAsTheyAre(t *testing.T) {
	t.Helper()
	const members = `{"errors":[{"pointer":"#/qty","detail":"is missing"}],"retry_after":2,"owner":null,` +
		`"limits":{"day":5},"big":9007199254740993,"":"","statuses":[]}`
	var want map[string]any
	if err := json.Unmarshal([]byte(members), &want); err != nil {
		t.Fatal(err)
	}
	got := parse(t, 422, media, members).Ext
	expect.That(t, reflect.DeepEqual(got, want), expect.Message{Did: told(422, media, members),
		Want: fmt.Sprintf("in Ext what encoding/json makes of it: %#v", want), Got: fmt.Sprintf("%#v", got),
		Why: whyTolerant})
}

func TestParseBelievesTheStatusOfTheResponse(t *testing.T) {
	for _, body := range []string{`{"type":"https://e.com/p","title":"t","status":404}`,
		`{"type":"https://e.com/p","title":"t","status":"404"}`, `{"type":"https://e.com/p","title":"t"}`,
		`{"type":"https://e.com/p","title":"t","status":null}`} {
		got := parse(t, 503, media, body)
		expect.That(t, got.Status == 503 && got.Type == "https://e.com/p" && got.Title == "t" &&
			len(got.Ext) == 0, expect.Message{Did: told(503, media, body),
			Want: `the status 503, the type "https://e.com/p", the title "t", and no extensions`,
			Got:  said(got),
			Why: "RFC 9457, 3.1.2: the member is advisory. A cache or a proxy may have changed the " +
				"status since, and that is the one that counts"})
	}
}

func TestParseTakesAWrongTypeForNothing(t *testing.T) {
	for _, tt := range []struct{ body, kind, title string }{
		{`{"detail":"d"}`, "about:blank", "Service Unavailable"},
		{`{"type":7,"title":["x"],"detail":"d","instance":{}}`, "about:blank", "Service Unavailable"},
		{`{"type":null,"title":null,"detail":"d","instance":null}`, "about:blank", "Service Unavailable"},
		{`{"type":"https://e.com/p","title":false,"detail":"d"}`, "https://e.com/p", "Service Unavailable"},
		{`{"type":true,"title":"t","detail":"d"}`, "about:blank", "t"},
		{`{"type":"","title":"t","detail":"d"}`, "", "t"},
		{`{"type":"https://e.com/p","title":"","detail":"d"}`, "https://e.com/p", ""},
		{`{"type":"https://e.com/p","title":" ","detail":"d"}`, "https://e.com/p", " "},
	} {
		got := parse(t, 503, media, tt.body)
		want := problem.Problem{Type: tt.kind, Title: tt.title, Status: 503, Detail: "d"}
		expect.That(t, same(got, want), expect.Message{Did: told(503, media, tt.body),
			Want: said(want), Got: said(got),
			Why: "one member that is not as it should be is no reason to lose the others"})
	}
	odd := `{"Type":"https://e.com/p","TITLE":"t","Status":1,"detail":"d"}`
	got := parse(t, 503, media, odd)
	want := problem.Problem{Type: "about:blank", Title: "Service Unavailable", Status: 503, Detail: "d",
		Ext: map[string]any{"Type": "https://e.com/p", "TITLE": "t", "Status": 1}}
	expect.That(t, same(got, want), expect.Message{Did: told(503, media, odd),
		Want: said(want), Got: said(got),
		Why: "names in JSON are compared letter by letter: Type is another member, which the " +
			"standard does not define"})
}

func TestParseOfWhatIsNoProblem(t *testing.T) {
	for _, tt := range []struct{ kind, body string }{
		{"text/html", "<h1>502 Bad Gateway</h1>"},
		{"application/json", whole},
		{"application/problem+xml", "<problem/>"},
		{"", whole},
		{media + "-seq", whole},
		{media, ""},
		{media, `{"type":"https://e.com/p",`},
		{media, whole + " and more"},
		{media, whole + whole},
		{media, whole + "}"},
		{media, whole + " ]"},
		{media, "[" + whole + "]"},
		{media, `"https://e.com/p"`},
		{media, "null"},
		{"; what is that", whole},
	} {
		got := parse(t, 502, tt.kind, tt.body)
		want := problem.Problem{Type: "about:blank", Title: "Bad Gateway", Status: 502}
		expect.That(t, same(got, want), expect.Message{Did: told(502, tt.kind, tt.body),
			Want: said(want), Got: said(got),
			Why: "between you and the server are proxies that have never heard of problems; what they " +
				"say is a failure all the same, and no crash of the client"})
	}
	for _, kind := range []string{"text/html", media} {
		got := parse(t, 499, kind, "{}")
		want := problem.Problem{Type: "about:blank", Status: 499}
		expect.That(t, same(got, want), expect.Message{Did: told(499, kind, "{}"),
			Want: said(want), Got: said(got),
			Why: "http.StatusText does not know this status: a title that was made up stands for something " +
				"that nobody has said"})
	}
}

func TestParseSaysThatABodyCannotBeRead(t *testing.T) {
	for _, broken := range []error{errors.New("connection reset"), io.ErrUnexpectedEOF} {
		for _, begin := range []string{"", `{"type":"https://e.com/p"}`} {
			p, err := problem.Parse(&http.Response{StatusCode: 502, Header: http.Header{"Content-Type": {media}},
				Body: io.NopCloser(io.MultiReader(strings.NewReader(begin), iotest.ErrReader(broken)))})
			expect.That(t, err != nil, expect.Message{
				Did:  fmt.Sprintf("parsed a response whose body breaks off with the error %q behind %q", broken, begin),
				Want: "an error", Got: fmt.Sprintf("%+v and no error", p),
				Why: "what did not arrive may have said something else"})
		}
	}
}
