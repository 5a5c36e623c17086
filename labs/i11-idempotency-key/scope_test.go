package idempotency_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// operation is what makes a request the same as another one, but for its method.
type operation struct{ scope, path, key string }

func (o operation) String() string {
	return fmt.Sprintf("scope %s, path %s, key %q", shortened(o.scope), shortened(o.path), o.key)
}

// shortened is a text for a message.
func shortened(text string) string {
	if len(text) > 60 {
		return fmt.Sprintf("%q… (%d bytes, the last of them %q)", text[:20], len(text), text[len(text)-1:])
	}
	return fmt.Sprintf("%q", text)
}

func (o operation) request(method string) *http.Request {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.URL.Path = o.path
	r.Header.Set("X-User", o.scope)
	r.Header.Set("Idempotency-Key", o.key)
	return r
}

func TestRequestsOfOthersAreNoRepetition(t *testing.T) {
	virtual(t, func(t *testing.T) {
		ann, long := operation{"ann", "/charges", "k"}, "/"+strings.Repeat("long/", 1000)
		for _, tt := range []struct{ one, two operation }{
			{ann, operation{"bob", "/charges", "k"}},
			{ann, operation{"ann", "/refunds", "k"}},
			{ann, operation{"ann", "/charges/", "k"}},
			{operation{"ann", "/charges/1", "k"}, operation{"ann", "/charges/2", "k"}},
			{ann, operation{"ann", "/charges", "K"}},
			{ann, operation{"ann", "/charges", `" k"`}}, // within quotes a space counts
			{ann, operation{"Ann", "/charges", "k"}},
			{operation{"%[1]s", "/charges", "k"}, operation{"%[1]s", "/charges", "l"}},
			{ann, operation{"ann", "/Charges", "k"}},
			{ann, operation{"", "/charges", "k"}}, {ann, operation{"ann ", "/charges", "k"}},
			{ann, operation{"ann", "//charges", "k"}}, {ann, operation{"ann", "/x/../charges", "k"}},
			// bytes that are no UTF-8, and two ways to write an é
			{operation{"ann", "/\xff", "k"}, operation{"ann", "/\xfe", "k"}},
			{operation{"\xff", "/charges", "k"}, operation{"\xfe", "/charges", "k"}},
			{operation{"ann", "/\xff", "k"}, operation{"ann", "/\ufffd", "k"}},
			{operation{"ann", "/caf\u00e9", "k"}, operation{"ann", "/cafe\u0301", "k"}},
			{operation{"ann", "/charges", strings.Repeat("k", 254) + "1"},
				operation{"ann", "/charges", strings.Repeat("k", 254) + "2"}},
			{operation{"ann", "/charges", "a%20b"}, operation{"ann", "/charges", "a b"}},
			{operation{"ann", "/charges", "a-b"}, operation{"ann", "/charges", "ab"}},
			{operation{"ann", long + "1", "k"}, operation{"ann", long + "2", "k"}},
			{operation{long + "1", "/charges", "k"}, operation{long + "2", "/charges", "k"}},
			// with the same CRC-32, whatever stands around them
			{operation{"ann", "/charges", "plumless"}, operation{"ann", "/charges", "buckeroo"}},
			{operation{"ann", "/plumless", "k"}, operation{"ann", "/buckeroo", "k"}},
			{operation{"plumless", "/charges", "k"}, operation{"buckeroo", "/charges", "k"}},
		} {
			different(t, tt.one, tt.two, "POST")
		}
		different(t, ann, ann, "PATCH")
		nobody := operation{"", "/charges", "k"}
		s := &shop{}
		h := guard(newMemory(), s)
		first := ask(h, nobody.request("POST"))
		wantReplay(t, ask(h, nobody.request("POST")), first, expect.Message{
			Did: "sent a request with an empty scope twice",
			Why: "a scope is a text, and an empty one is the same as an empty one"})
		s = &shop{}
		h = guard(newMemory(), s)
		first = ask(h, ann.request("POST"))
		ask(h, operation{"bob", "/charges", "k"}.request("POST"))
		wantReplay(t, ask(h, ann.request("POST")), first, expect.Message{
			Did: "sent a request of ann's, one of bob's with the same key, and ann's again"})
	})
}

// different sends a POST, and then another request that has nothing to do with it.
func different(t *testing.T, one, two operation, method string) {
	t.Helper()
	s := &shop{}
	h := guard(newMemory(), s)
	did := fmt.Sprintf("sent a POST with %s; then a %s with %s", one, method, two)
	why := "a key is chosen by a client, who knows nothing of others: what is remembered under it " +
		"is for this client and this request only, or bob reads ann's answer, and pays nothing"
	wantRun(t, s, ask(h, one.request("POST")), 1, expect.Message{Did: did, Why: why})
	wantRun(t, s, ask(h, two.request(method)), 2, expect.Message{Did: did, Why: why})
}

// TestPartsDoNotRunIntoEachOther has pairs that are equal once their parts are strung together, in
// whatever order and with whatever in between.
func TestPartsDoNotRunIntoEachOther(t *testing.T) {
	virtual(t, func(t *testing.T) {
		different(t, operation{"ann", "/charges", "bk"}, operation{"annb", "/charges", "k"}, "POST")
		different(t, operation{"ann", "/charges", "/7k"}, operation{"ann", "/charges/7", "k"}, "POST")
		for _, sep := range []string{"", ":", "/", "|", " ", "-", "_", ".", "#", ",", ";", "\n",
			"\x00", `"`, `\`, `" "`} {
			for _, between := range []string{sep, sep + "POST" + sep} {
				// x, then y and z: the border may be on either side of y.
				different(t, operation{"x", "/y" + between + "/z", "k"},
					operation{"x" + between + "/y", "/z", "k"}, "POST")
				different(t, operation{"y" + between + "z", "/x", "k"},
					operation{"z", "/x" + between + "y", "k"}, "POST")
				if strings.ContainsAny(between, "\n\x00") || strings.HasPrefix(between, `"`) {
					continue // in a key there are only visible characters
				}
				different(t, operation{"x", "/y", "y" + between + "z"},
					operation{"x" + between + "y", "/y", "z"}, "POST")
				different(t, operation{"y" + between + "z", "/y", "x"},
					operation{"z", "/y", "x" + between + "y"}, "POST")
				different(t, operation{"x", "/x", "y" + between + "z"},
					operation{"x", "/x" + between + "y", "z"}, "POST")
				different(t, operation{"x", "/y" + between + "/z", "k"},
					operation{"x", "/z", "k" + between + "/y"}, "POST")
			}
		}
	})
}
