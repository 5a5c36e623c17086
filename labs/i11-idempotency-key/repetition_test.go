package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	idempotency "github.com/backend-labs/backend-labs/labs/i11-idempotency-key"
)

// manners are ways to write an answer.
var manners = []struct {
	what  string
	write func(w http.ResponseWriter, r *http.Request, n int)
}{
	{"sets a type, a Location and two Links, sends a 201 and a body",
		func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Add("Link", "</a>; rel=up")
			w.Header().Add("Link", "</b>; rel=self")
			charged(w, n)
		}},
	{"writes nothing at all", func(http.ResponseWriter, *http.Request, int) {}},
	{"sets a type and writes twice from one buffer, without a status",
		func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Content-Type", "text/plain")
			buf := []byte("one, ")
			w.Write(buf)
			copy(buf, "two. ")
			w.Write(buf)
			copy(buf, "-----")
		}},
	{"sends a 202 and then, too late, a 500", func(w http.ResponseWriter, r *http.Request, n int) {
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusInternalServerError)
	}},
	{"sets a header too late, after the status 201",
		func(w http.ResponseWriter, r *http.Request, n int) {
			charged(w, n)
			w.Header().Set("X-Late", "yes")
			w.Header().Set("Location", "/elsewhere")
		}},
	{"sets a header too late, after the first byte",
		func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "charged")
			w.Header().Set("X-Late", "yes")
		}},
	{"sends 103 Early Hints and then a 201", func(w http.ResponseWriter, r *http.Request, n int) {
		w.WriteHeader(http.StatusEarlyHints)
		charged(w, n)
	}},
	{"puts another Vary in the place of that one", func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Vary", "Accept")
		charged(w, n)
	}},
	{"changes the request that it has got", func(w http.ResponseWriter, r *http.Request, n int) {
		r.Method, r.URL.Path = "GET", "/"
		r.Header.Set("X-User", "nobody")
		r.Header.Set("Idempotency-Key", "another")
		charged(w, n)
	}},
	{"sets a header without anything in it", func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("Content-Security-Policy", "")
		charged(w, n)
	}},
	{"writes nothing, with Write, and then, too late, sends a 500",
		func(w http.ResponseWriter, r *http.Request, n int) {
			w.Write(nil)
			w.WriteHeader(http.StatusInternalServerError)
		}},
	{"sets headers of many kinds", func(w http.ResponseWriter, r *http.Request, n int) {
		for _, name := range []string{"Www-Authenticate", "Retry-After", "Etag", "Cache-Control", "Age", "Expires",
			"Content-Language", "Ratelimit", "Server-Timing", "Traceparent", "X-Request-Id", "Access-Control-Allow-Origin"} {
			w.Header().Set(name, "7")
		}
		charged(w, n)
	}},
	{"writes 3 MiB in small parts", func(w http.ResponseWriter, r *http.Request, n int) {
		for i := range 3 << 10 {
			io.WriteString(w, strings.Repeat(string(rune('a'+i%26)), 1<<10))
		}
	}},
	{"sends a 204", func(w http.ResponseWriter, r *http.Request, n int) {
		w.WriteHeader(http.StatusNoContent)
	}},
}

// varies sets a header of each answer, as one that is further out may do.
func varies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Origin")
		next.ServeHTTP(w, r)
	})
}

func TestARepetitionGetsTheFirstAnswer(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, method := range []string{"POST", "PATCH"} {
			for _, tt := range manners {
				s := &shop{answer: tt.write}
				h := varies(guard(newMemory(), s))
				bare := ask(varies(&shop{answer: tt.write}), request(method, key, body))
				first := ask(h, request(method, key, body))
				did := fmt.Sprintf("sent a %s to a handler that %s, behind another middleware that "+
					"sets Vary: Origin", method, tt.what)
				expect.That(t, same(first, bare) && len(first.header["Idempotency-Replayed"]) == 0,
					expect.Message{
						Did: did, Want: "what the handler answers without the middleware: " + bare.String(),
						Got: first.String(),
						Why: "whoever asks once must not notice that somebody remembers it",
					})
				for range 2 {
					again := ask(h, request(method, key, body))
					wantReplay(t, again, first, expect.Message{Did: did + ", and sent it once more",
						Why: "whoever lost the first answer must not be worse off than those who " +
							"got it"})
				}
				wantRuns(t, s, 1, expect.Message{Did: did + ", three times with one key",
					Why: "each run charges the card"})
			}
		}
		fromElsewhere(t)
	})
}

// fromElsewhere sends a repetition that has come another way.
func fromElsewhere(t *testing.T) {
	t.Helper()
	for _, tt := range []struct {
		what   string
		change func(r *http.Request)
	}{
		{"another User-Agent", func(r *http.Request) { r.Header.Set("User-Agent", "shop/2.1") }},
		{"another Content-Type", func(r *http.Request) { r.Header.Set("Content-Type", "text/json") }},
		{"another Traceparent", func(r *http.Request) { r.Header.Set("Traceparent", "00-7-7-01") }},
		{"another Host", func(r *http.Request) { r.Host = "eu.shop.example" }},
		{"another address", func(r *http.Request) { r.RemoteAddr = "10.9.8.7:6543" }},
		{"no Content-Length", func(r *http.Request) { r.ContentLength = -1 }},
	} {
		s := &shop{}
		h := guard(newMemory(), s)
		first, r := ask(h, post()), post()
		tt.change(r)
		wantReplay(t, ask(h, r), first, expect.Message{
			Did: "sent a POST, and again with " + tt.what + ", unlike the first time",
			Why: "scope, method, path and key say what is a repetition; a phone that comes out of " +
				"the tunnel has another address, and each attempt has a trace of its own"})
	}
}

func TestAnotherBodyIsAnotherRequest(t *testing.T) {
	mib := strings.Repeat("x", 1<<20)
	virtual(t, func(t *testing.T) {
		for _, tt := range []struct{ what, first, second string }{
			{"4200 cents, then 4300", `{"cents":4200}`, `{"cents":4300}`},
			{"cents, then Cents", `{"cents":4200}`, `{"Cents":4200}`},
			{"4200, then 4200.0", `{"cents":4200}`, `{"cents":4200.0}`},
			{"two lines, then the same with \\r\\n", "a\nb", "a\r\nb"},
			{"the byte ff, then fe", "\xff", "\xfe"},
			{"a body, then the same with a space behind it", `{"cents":4200}`, `{"cents":4200} `},
			{"two members, then the same in the other order", `{"a":1,"b":2}`, `{"b":2,"a":1}`},
			{"a body, then the same behind a byte order mark", "x", "\ufeffx"},
			{"a body, then the same with a byte 0 behind it", "x", "x\x00"},
			{"a body, then none", "x", ""}, {"no body, then one", "", "x"},
			{"1 MiB, then the same with another last byte", mib, mib[1:] + "y"},
			{"4200 cents, then 2400", `{"cents":4200}`, `{"cents":2400}`},
			{"two bodies with the same CRC-32", `{"seat":"plumless"}`, `{"seat":"buckeroo"}`},
			{"two bodies with the same Adler-32", `{"cents":1221}`, `{"cents":3003}`},
			{"two bodies with the same FNV-1 of 32 bits", "creamwove", "quists"},
			{"two bodies with the same FNV-1a of 32 bits", "costarring", "liquid"},
		} {
			s := &shop{}
			h := guard(newMemory(), s)
			first := ask(h, request("POST", key, tt.first))
			got := ask(h, request("POST", key, tt.second))
			did := "sent with one key " + tt.what
			wantProblem(t, got, expect.Message{Did: did, Why: "the second is a mistake of the " +
				"client's: whoever answers it with the first one's outcome tells that something " +
				"was done that was not"}, 422)
			wantRuns(t, s, 1, expect.Message{Did: did})
			wantReplay(t, ask(h, request("POST", key, tt.first)), first, expect.Message{
				Did: did + ", then the first once more",
				Why: "the mistake of one request must not take the answer of another away"})
			wantRuns(t, s, 1, expect.Message{Did: did + ", then the first once more"})
		}
	})
}

func TestTheHandlerGetsTheRequestAsItCame(t *testing.T) {
	type tenant struct{}
	sent := strings.Repeat("0123456789abcdef", 1<<16)
	gets := func(t *testing.T, method, key string) {
		var got string
		s := &shop{answer: func(w http.ResponseWriter, r *http.Request, n int) {
			data := read(r.Body)
			got = fmt.Sprintf("%s %s%s from %s, id %s by %s for %v, key %q, %d bytes of %d, the right ones: %t",
				r.Method, r.Host, r.RequestURI, r.RemoteAddr, r.PathValue("id"), user(r),
				r.Context().Value(tenant{}), r.Header.Get("Idempotency-Key"), len(data), r.ContentLength, data == sent)
			charged(w, n)
		}}
		r := httptest.NewRequest(method, "/charges?dry=1", strings.NewReader(sent))
		r.Header.Set("X-User", "ann")
		r.Host, r.RemoteAddr = "eu.shop.example", "10.9.8.7:6543"
		r.SetPathValue("id", "c-7")
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		r = r.WithContext(context.WithValue(t.Context(), tenant{}, "t-7"))
		answer := ask(idempotency.Idempotent(newMemory(), user, false)(s), r)
		did := fmt.Sprintf("sent a %s of 1 MiB with %s, which is not required, and a value in its "+
			"context, to a handler that looks at all of it", method, sayKey(key))
		want := fmt.Sprintf("%s eu.shop.example/charges?dry=1 from 10.9.8.7:6543, id c-7 by ann for t-7, key %q, 1048576 bytes of 1048576, "+
			"the right ones: true", method, key)
		expect.That(t, got == want, expect.Message{Did: did, Want: want, Got: got,
			Why: "who looks at a body to remember it must leave it for those behind; " +
				"values in the context say for whom the work is done, and how it is traced"})
		wantRun(t, s, answer, 1, expect.Message{Did: did})
	}
	virtual(t, func(t *testing.T) {
		for _, method := range []string{"POST", "PATCH", "PUT"} {
			gets(t, method, key)
			gets(t, method, `"`+key+`"`)
			gets(t, method, "")
			getsParts(t, method, key)
			getsNothing(t, method)
		}
	})
}

// getsParts sends a body in chunks, whose length nobody has announced, with a trailer and a query in
// an order of its own.
func getsParts(t *testing.T, method, key string) {
	t.Helper()
	var got string
	s := &shop{answer: func(w http.ResponseWriter, r *http.Request, n int) {
		got = fmt.Sprintf("length %d, encoding %v, trailer %v, query %q, form %v", r.ContentLength, r.TransferEncoding,
			r.Trailer, r.URL.RawQuery, r.Form)
		charged(w, n)
	}}
	r := request(method, key, body)
	r.ContentLength, r.TransferEncoding, r.Trailer = -1, []string{"chunked"}, http.Header{"X-Sum": nil}
	r.URL.RawQuery = "b=2&a=1&c"
	ask(guard(newMemory(), s), r)
	const want = `length -1, encoding [chunked], trailer map[X-Sum:[]], query "b=2&a=1&c", form map[]`
	expect.That(t, got == want, expect.Message{
		Did:  fmt.Sprintf("sent a %s in chunks, to a handler that looks at how it came", method),
		Want: want, Got: got,
		Why: "a handler that checks a signature, or a length, needs the request as it was sent"})
}

// getsNothing sends a request without a body.
func getsNothing(t *testing.T, method string) {
	t.Helper()
	got := "no run"
	s := &shop{answer: func(w http.ResponseWriter, r *http.Request, n int) {
		if got = "no body at all"; r.Body != nil {
			got = fmt.Sprintf("a body of %d bytes", len(read(r.Body)))
		}
		charged(w, n)
	}}
	r := request(method, key, "")
	r.Body = http.NoBody
	ask(guard(newMemory(), s), r)
	expect.That(t, got == "a body of 0 bytes", expect.Message{
		Did:  fmt.Sprintf("sent a %s without a body, to a handler that reads it", method),
		Want: "a body of 0 bytes", Got: got,
		Why: "the body of a server's request is never nil: handlers read it without asking"})
}

func TestABodyThatBreaksOff(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for half, err := range map[string]error{body[:len(body)-4]: io.ErrUnexpectedEOF,
			"": errors.New("connection reset by peer")} {
			s := &shop{}
			h := guard(newMemory(), s)
			r := post()
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(half), iotest.ErrReader(err)))
			got := ask(h, r)
			did := fmt.Sprintf("sent a POST of %d bytes that breaks off after %d", len(body), len(half))
			wantRuns(t, s, 0, expect.Message{Did: did, Why: "half an order, which ends as if it " +
				"were whole, is an order that nobody has placed"})
			wantProblem(t, got, expect.Message{Did: did}, 400)
			wantRun(t, s, ask(h, post()), 1, expect.Message{
				Did: did + ", then all of it with the same key",
				Why: "nothing was done yet, so nothing keeps the client from trying again"})
		}
	})
}

func TestOnlyPostAndPatchAreGuarded(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "post", "Patch",
			"POSTS"} {
			for _, k := range []string{key, strings.Repeat("x", 256), ""} {
				s := &shop{}
				h := guard(newMemory(), s)
				for n := range 2 {
					wantRun(t, s, ask(h, request(method, k, body)), n+1, expect.Message{
						Did: fmt.Sprintf("sent a %s for the %s time, with %s", method,
							[]string{"first", "second"}[n], sayKey(k)),
						Why: "these methods are idempotent by themselves, or nobody has said what " +
							"they are; a GET that is answered from yesterday's memory is wrong"})
				}
			}
		}
		s := &shop{}
		wantRun(t, s, ask(guard(newMemory(), s), post()), 1, expect.Message{Did: "sent a POST"})
		wantRun(t, s, ask(guard(newMemory(), s), request("PATCH", key, body)), 2,
			expect.Message{Did: "sent a PATCH to another instance with a store of its own"})
	})
}

func sayKey(k string) string {
	switch {
	case k == "":
		return "no Idempotency-Key"
	case len(k) > 60:
		return fmt.Sprintf("an Idempotency-Key of %d characters", len(k))
	}
	return fmt.Sprintf("the Idempotency-Key %q", k)
}

func TestTheKeyIsWhatKeyOfReturns(t *testing.T) {
	long := strings.Repeat("x", 255)
	virtual(t, func(t *testing.T) {
		for _, pair := range [][2]string{{`"k"`, "k"}, {"k", `"k"`}, {" k ", "k"},
			{long, `"` + long + `"`}, {`"a key"`, "a key"}, {"~", `"~"`}} {
			s := &shop{}
			h := guard(newMemory(), s)
			first := ask(h, request("POST", pair[0], body))
			got := ask(h, request("POST", pair[1], body))
			did := fmt.Sprintf("sent %s, then %s", sayKey(pair[0]), sayKey(pair[1]))
			wantReplay(t, got, first, expect.Message{Did: did,
				Why: "the header is a string of RFC 8941: its quotes do not belong to it, and a " +
					"proxy may have written them"})
		}
		for _, k := range []string{"", `"k`, `""`, `"`, " ", "k\x01", "k\u00fc", long + "x"} {
			for _, required := range []bool{true, false} {
				s := &shop{}
				h := idempotency.Idempotent(newMemory(), user, required)(s)
				did := fmt.Sprintf("sent %s, required: %t", sayKey(k), required)
				r := request("POST", k, body)
				r.Header.Set("Idempotency-Key", k)
				if k == "" {
					did = fmt.Sprintf("sent an Idempotency-Key that is empty, required: %t", required)
				}
				got := ask(h, r)
				wantProblem(t, got, expect.Message{Did: did, Why: "whoever sends a key relies on it"},
					400)
				wantRuns(t, s, 0, expect.Message{Did: did})
			}
		}
	})
}

func TestWithoutAKey(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &shop{}
		h := guard(newMemory(), s)
		for _, method := range []string{"POST", "PATCH"} {
			for _, body := range []string{body, ""} {
				did := fmt.Sprintf("sent a %s of %d bytes without the header, which is required", method, len(body))
				wantProblem(t, ask(h, request(method, "", body)), expect.Message{Did: did}, 400)
				wantRuns(t, s, 0, expect.Message{Did: did})
			}
		}

		h = idempotency.Idempotent(newMemory(), user, false)(s)
		for n := range 3 {
			wantRun(t, s, ask(h, request("POST", "", body)), n+1, expect.Message{
				Did: fmt.Sprintf("sent request %d of 3 without the header, which is not required", n+1),
				Why: "without a key nobody can tell a second attempt from a second purchase"})
		}
		first := ask(h, post())
		wantReplay(t, ask(h, post()), first, expect.Message{
			Did: "sent a request with a key twice, where none is required"})
	})
}
