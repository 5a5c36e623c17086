package stateless_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	stateless "github.com/backend-labs/backend-labs/labs/b09-stateless"
)

// addAtOnce calls add for n items at the same time and returns them all.
func addAtOnce(t *testing.T, did string, n int, add func(sku string) answer) []string {
	t.Helper()
	answers, skus := make([]answer, n), make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		skus[i] = fmt.Sprintf("item-%02d", i+1)
		wg.Go(func() { answers[i] = add(skus[i]) })
	}
	wg.Wait()
	for i, got := range answers {
		expect.That(t, got.ok(), expect.Message{
			Did:  did,
			Want: "2xx for each",
			Got:  fmt.Sprintf("for %s: %s", skus[i], got),
			Why: "that somebody else was quicker is no reason to refuse: it is normal, and the " +
				"next attempt will do",
		})
	}
	return skus
}

// wantAll demands a cart with exactly these items, in any order.
func wantAll(t *testing.T, did string, cart, skus []string) {
	t.Helper()
	got := slices.Sorted(slices.Values(cart))
	var missing []string
	for _, sku := range skus {
		if !slices.Contains(cart, sku) {
			missing = append(missing, sku)
		}
	}
	expect.That(t, slices.Equal(got, skus), expect.Message{
		Did:  did,
		Want: fmt.Sprintf("all %d items, each once", len(skus)),
		Got:  fmt.Sprintf("%d items; not among them: %s", len(cart), strings.Join(missing, ", ")),
		Why: "two instances read the same cart, each adds its item and writes it back: the " +
			"second one overwrites what the first one has promised to keep",
	})
}

// fleet is a number of instances behind a load balancer.
type fleet struct {
	store   *memory
	secret  []byte
	amnesia bool        // each request gets an instance of its own
	chunked bool        // bodies come without their length
	pin     int         // if not negative: the instance that gets all requests
	beside  http.Header // what requests have beside their own headers

	instances []http.Handler
	next      atomic.Int64 // round robin
	last      atomic.Int64 // the number of the instance that got the last request, from 1
}

// room is how much there is behind a fleet's secret.
const room = 256

func newFleet(n int, secret []byte) *fleet {
	// with room behind it, as a secret has that was cut out of a file
	shared := append(make([]byte, 0, len(secret)+room), secret...)
	f := &fleet{store: new(memory), secret: shared, pin: -1}
	f.add(n)
	return f
}

func (f *fleet) add(n int) {
	for range n {
		f.instances = append(f.instances, stateless.NewInstance(f.store, f.secret))
	}
}

// do sends a request to the instance whose turn it is, through one of several proxies.
func (f *fleet) do(method, path, token string, body any) answer {
	if token != "" {
		token = "Bearer " + token
	}
	return f.send(method, path, token, body)
}

// send is do with a header Authorization as it is.
func (f *fleet) send(method, path, authorization string, body any) answer {
	turn := int(f.next.Add(1) - 1)
	which := turn % len(f.instances)
	if f.pin >= 0 {
		which = f.pin
	}
	h := f.instances[which]
	if f.amnesia {
		h = stateless.NewInstance(f.store, f.secret)
	}
	r := httptest.NewRequestWithContext(context.WithValue(context.Background(), requestKey{}, true),
		method, path, jsonOf(body))
	if f.chunked {
		r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
	}
	if len(f.instances) > 1 || f.amnesia {
		r.RemoteAddr = fmt.Sprintf("198.51.100.%d:%d", turn%5+1, 40000+turn)
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", turn%7+1))
	}
	maps.Copy(r.Header, f.beside)
	f.last.Store(int64(which) + 1)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httpwire.New()
	h.ServeHTTP(w.Writer(), r)
	return answer{status: w.Status(), body: w.Body()}
}

// requestKey is what the context of each request has.
type requestKey struct{}

func jsonOf(v any) io.Reader {
	if v == nil {
		return http.NoBody
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return strings.NewReader(string(b))
}

// user is somebody who has logged in.
type user struct {
	name, token string
	do          func(method, path, token string, body any) answer
}

func (f *fleet) login(t *testing.T, name string) *user {
	t.Helper()
	return login(t, name, f.do)
}

func login(t *testing.T, name string, do func(method, path, token string, body any) answer) *user {
	t.Helper()
	got := do("POST", "/login", "", map[string]string{"user": name})
	var reply struct{ Token string }
	err := json.Unmarshal([]byte(got.body), &reply)
	expect.That(t, got.status == 200 && err == nil && reply.Token != "", expect.Message{
		Did:  fmt.Sprintf(`logged in: POST /login with {"user":%s}`, brief(name)),
		Want: `200 and {"token":"…"}`,
		Got:  got.String(),
	})
	return &user{name, reply.Token, do}
}

func (u *user) add(sku string) answer {
	return u.do("POST", "/cart/items", u.token, map[string]string{"sku": sku})
}

func (u *user) mustAdd(t *testing.T, skus ...string) {
	t.Helper()
	for _, sku := range skus {
		got := u.add(sku)
		expect.That(t, got.ok(), expect.Message{
			Did: fmt.Sprintf("added %s to the cart of %s, with the token from the login", brief(sku),
				brief(u.name)),
			Want: "any 2xx",
			Got:  got.String(),
		})
	}
}

func (u *user) cart(t *testing.T) []string {
	t.Helper()
	got := u.do("GET", "/cart", u.token, nil)
	cart, ok := got.cart()
	expect.That(t, ok, expect.Message{
		Did:  fmt.Sprintf("asked for the cart of %q", u.name),
		Want: "200 and an array of texts in JSON",
		Got:  got.String(),
	})
	return cart
}

func (u *user) wantCart(t *testing.T, want []string, did, why string) {
	t.Helper()
	got := u.do("GET", "/cart", u.token, nil)
	cart, ok := got.cart()
	shown, _ := json.Marshal(append([]string{}, want...))
	expect.That(t, ok && slices.Equal(cart, want), expect.Message{
		Did: did, Want: fmt.Sprintf("200 %s", shown), Got: got.String(), Why: why,
	})
}

// wantStranger401 demands that nobody gets in without a token.
func wantStranger401(t *testing.T, f *fleet) {
	t.Helper()
	for _, token := range []string{"", "x", "a.b", "a.b.c"} {
		for _, r := range []struct {
			method, path string
			body         any
		}{{"GET", "/cart", nil}, {"POST", "/cart/items", map[string]string{"sku": "lamp"}}} {
			got := f.do(r.method, r.path, token, r.body)
			what := "without a token"
			if token != "" {
				what = fmt.Sprintf("with the token %q, which nobody has given out", token)
			}
			expect.That(t, got.status == 401, expect.Message{
				Did:  fmt.Sprintf("sent %s %s %s", r.method, r.path, what),
				Want: "401",
				Got:  got.String(),
				Why: "without a token nobody knows whose cart is meant; a guess shows somebody " +
					"else's",
			})
		}
	}
}

// answer is what came back.
type answer struct {
	status int
	body   string
	err    error
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

func (a answer) cart() (skus []string, ok bool) {
	err := json.Unmarshal([]byte(a.body), &skus)
	return skus, a.status == 200 && err == nil && skus != nil
}

func (a answer) String() string {
	if a.err != nil {
		return "no answer: " + a.err.Error()
	}
	return fmt.Sprintf("%d %q", a.status, strings.TrimSpace(a.body))
}
