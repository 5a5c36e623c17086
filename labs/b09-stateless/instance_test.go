package stateless_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	stateless "github.com/backend-labs/backend-labs/labs/b09-stateless"
)

var secret = []byte("a secret that only this fleet knows")

func TestACartAtOneInstance(t *testing.T) {
	f := newFleet(1, secret)
	ann := f.login(t, "ann")
	ann.wantCart(t, nil, "logged in as ann, and asked for the cart, which is empty",
		"a program that expects a list fails on null")
	ann.mustAdd(t, "lamp", "sofa", "lamp")
	ann.wantCart(t, []string{"lamp", "sofa", "lamp"},
		"logged in as ann, added lamp, sofa and lamp, and asked for the cart", "")
	again := f.login(t, "ann")
	const why = "a cart belongs to its user: who logs in on the phone wants what was chosen at " +
		"the desk"
	again.wantCart(t, []string{"lamp", "sofa", "lamp"},
		"logged in as ann once more, and asked for the cart with the new token", why)
	again.mustAdd(t, "desk")
	ann.wantCart(t, []string{"lamp", "sofa", "lamp", "desk"},
		"added desk with the new token, and asked for the cart with the first one", why)
}

func TestATokenIsGoodAtEveryInstance(t *testing.T) {
	f := newFleet(3, secret)
	ann := f.login(t, "ann")
	for i := range 3 {
		got := f.do("GET", "/cart", ann.token, nil)
		expect.That(t, got.status == 200, expect.Message{
			Did: fmt.Sprintf(
				"logged in as ann at instance 1 of 3, and asked instance %d for the cart",
				f.last.Load()),
			Want: "200: this fleet has given the token out",
			Got:  got.String(),
			Why: "the load balancer sends each request where there is room: a user whom only " +
				"one instance knows is logged out by all the others",
		})
		if i == 0 {
			f.add(2) // two more, made after the login
		}
	}
	wantStranger401(t, f)
}

func TestACartIsTheSameAtEveryInstance(t *testing.T) {
	f := newFleet(3, secret)
	tokens := make([]*user, 3)
	for i := range tokens { // a token from each, so that where one came from does not matter
		tokens[i] = f.login(t, "ann")
	}
	var want []string
	for i := range 9 {
		sku := fmt.Sprintf("item-%d", i+1)
		f.pin = i % 3
		got := f.do("POST", "/cart/items", tokens[i%3].token, map[string]string{"sku": sku})
		expect.That(t, got.ok(), expect.Message{
			Did:  fmt.Sprintf("added %s at instance %d of 3", sku, f.last.Load()),
			Want: "any 2xx",
			Got:  got.String(),
		})
		want = append(want, sku)
		for j := range 3 {
			f.pin = j
			tokens[j].wantCart(t, want,
				fmt.Sprintf("added %d items, in turn at 3 instances, and asked instance %d for "+
					"the cart", i+1, j+1),
				"what an instance keeps for itself, if only a copy, the others do not see "+
					"change: the cart is full, then empty, then full again")
		}
	}
}

func TestInstancesComeAndGo(t *testing.T) {
	f := newFleet(1, secret)
	f.amnesia = true
	ann := f.login(t, "ann")
	var want []string
	for i := range 5 {
		sku := fmt.Sprintf("item-%d", i+1)
		ann.mustAdd(t, sku)
		want = append(want, sku)
		ann.wantCart(t, want, fmt.Sprintf(
			"logged in as ann and added %d items, each request served by a new instance that is "+
				"thrown away behind it", i+1),
			"every deploy replaces all instances, and so does every crash: what one of them "+
				"remembers is lost a dozen times a day")
	}
}

func TestTwoFleetsShareNothing(t *testing.T) {
	one, two := newFleet(1, secret), newFleet(1, []byte("the secret of another fleet"))
	oneAnn, twoAnn := one.login(t, "ann"), two.login(t, "ann")
	oneAnn.mustAdd(t, "lamp")
	const did = "made two fleets in one process, with a store and a secret for each, logged in " +
		"as ann at both, "
	const why = "memory of the process, where all instances see it, is memory all the same: the " +
		"next process has its own. In production the second fleet is another customer's"
	twoAnn.wantCart(t, nil, did+"added lamp at the first, and asked the second for its cart", why)
	twoAnn.mustAdd(t, "sofa")
	oneAnn.wantCart(t, []string{"lamp"}, did+
		"added lamp at the first and sofa at the second, and asked the first for its cart", why)
	for _, c := range []struct {
		at    *fleet
		token string
	}{{two, oneAnn.token}, {one, twoAnn.token}} {
		got := c.at.do("GET", "/cart", c.token, nil)
		expect.That(t, got.status == 401, expect.Message{
			Did:  did + "and used the token of one at the other",
			Want: "401: this fleet has not given it out",
			Got:  got.String(),
			Why: "if tokens of the test system open production, everybody who may log in as " +
				"anybody there may do so here",
		})
	}
}

func TestNoAdditionIsLost(t *testing.T) {
	f := newFleet(4, secret)
	f.store.contended = true
	ann := f.login(t, "ann")
	const did = "added 40 items at once to one cart, at 4 instances"
	lost := addAtOnce(t, did, 40, ann.add)
	for i := range 4 {
		f.pin = i
		wantAll(t, fmt.Sprintf("%s, and asked instance %d for the cart", did, i+1), ann.cart(t),
			lost)
	}
}

func TestTokensCannotBeForged(t *testing.T) {
	f := newFleet(1, secret)
	ann, bob := f.login(t, "ann"), f.login(t, "bob")
	bob.mustAdd(t, "bob's lamp")
	ann.wantCart(t, nil, "logged in as ann and as bob, added an item to bob's cart, and asked "+
		"for ann's", "")
	wantStranger401(t, f)
	for _, forged := range forgeries(ann.token, "ann", "bob") {
		got := f.do("GET", "/cart", forged.token, nil)
		expect.That(t, got.status == 401, expect.Message{
			Did: fmt.Sprintf(
				"logged in as ann, got the token %q, %s: %q, and asked for the cart with that",
				ann.token, forged.how, forged.token),
			Want: "401: no login has given this token out",
			Got:  got.String(),
			Why: "what a client keeps, a client can change: it may carry state, but nobody may " +
				"believe it without a signature",
		})
	}
}

func TestAnyChangeToATokenIsRefused(t *testing.T) {
	f := newFleet(1, secret)
	// lengths that leave different bits unused in base64
	for _, name := range []string{"ann", "anna", "annie"} {
		ann := f.login(t, name)
		ann.wantCart(t, nil, "logged in as "+name+", and asked for the cart", "")
		step := 1 + len(ann.token)*8/4096
		for bit := 0; bit < len(ann.token)*8; bit += step {
			changed := []byte(ann.token)
			changed[bit/8] ^= 1 << (bit % 8)
			got := f.do("GET", "/cart", string(changed), nil)
			expect.That(t, got.status == 401, expect.Message{
				Did: fmt.Sprintf(
					"logged in as %s, got the token %q, and asked for the cart with %q: one bit "+
						"of byte %d of %d is another",
					name, ann.token, changed, bit/8+1, len(changed)),
				Want: "401: no login has given this token out",
				Got:  got.String(),
				Why: "a token with several spellings cannot be blocked or counted by its text, " +
					"and where a decoder is lenient, somebody finds out with what else it is",
			})
		}
	}
}

func TestUsersAreKeptApart(t *testing.T) {
	f := newFleet(2, secret)
	var users []*user
	for _, name := range []string{"ann", "bob", "Ann", "ann ", "ann.bob", "ann:bob", `ann"`,
		"ann/../bob", "änn", "bob.ann"} {
		u := f.login(t, name)
		u.mustAdd(t, "of "+name)
		users = append(users, u)
	}
	for _, u := range users {
		u.wantCart(t, []string{"of " + u.name},
			fmt.Sprintf("logged in as %d users through the same proxies, added an item for "+
				"each, and asked for the cart of %q", len(users), u.name),
			"one user who sees another's cart is an incident that has to be reported to an "+
				"authority")
	}
}

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
	amnesia bool // each request gets an instance of its own
	pin     int  // if not negative: the instance that gets all requests

	instances []http.Handler
	next      atomic.Int64 // round robin
	last      atomic.Int64 // the number of the instance that got the last request, from 1
}

func newFleet(n int, secret []byte) *fleet {
	f := &fleet{store: new(memory), secret: secret, pin: -1}
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
	turn := int(f.next.Add(1) - 1)
	which := turn % len(f.instances)
	if f.pin >= 0 {
		which = f.pin
	}
	h := f.instances[which]
	if f.amnesia {
		h = stateless.NewInstance(f.store, f.secret)
	}
	r := httptest.NewRequest(method, path, jsonOf(body))
	if len(f.instances) > 1 || f.amnesia {
		r.RemoteAddr = fmt.Sprintf("198.51.100.%d:%d", turn%5+1, 40000+turn)
	}
	f.last.Store(int64(which) + 1)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{status: w.Code, body: w.Body.String()}
}

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
		Did:  fmt.Sprintf(`logged in: POST /login with {"user":%q}`, name),
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
			Did: fmt.Sprintf("added %q to the cart of %q, with the token from the login", sku,
				u.name),
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

// forgery is a token that somebody has made out of their own.
type forgery struct{ how, token string }

// forgeries are what an attacker tries first: to put another name in, in whatever form it is there,
// and to leave the signature out.
func forgeries(token, me, victim string) []forgery {
	var all []forgery
	try := func(how, forged string) {
		if forged != token && forged != "" {
			all = append(all, forgery{how, forged})
		}
	}
	rename := "made of it one with " + victim + " in place of " + me
	try(rename, strings.Replace(token, me, victim, 1))
	type codec struct {
		encode func([]byte) string
		decode func(string) ([]byte, error)
	}
	codecs := []codec{{hex.EncodeToString, hex.DecodeString}}
	for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding,
		base64.RawStdEncoding, base64.StdEncoding} {
		codecs = append(codecs, codec{e.EncodeToString, e.DecodeString})
	}
	for _, separator := range []string{".", ":", "|", "\x00"} { // the last one: the whole token
		parts := strings.Split(token, separator)
		for i, part := range parts {
			for _, c := range codecs {
				plain, err := c.decode(part)
				if err != nil || !strings.Contains(string(plain), me) {
					continue
				}
				changed := slices.Clone(parts)
				changed[i] = c.encode([]byte(strings.Replace(string(plain), me, victim, 1)))
				try(rename, strings.Join(changed, separator))
			}
		}
		if n := len(parts); n > 1 {
			try("left out its last part", strings.Join(parts[:n-1], separator))
			try("emptied its last part", strings.Join(parts[:n-1], separator)+separator)
		}
	}
	try("took the first half of it", token[:len(token)/2])
	try("left out its last character", token[:len(token)-1])
	try("put a character behind it", token+"A")
	for _, c := range codecs {
		try("made one with nothing but a name", c.encode([]byte(victim)))
		try("made one with nothing but a name", c.encode([]byte(`{"user":"`+victim+`"}`)))
	}
	try("made one with nothing but a name", victim)
	try("made a JSON Web Token that says it needs no signature",
		"eyJhbGciOiJub25lIn0."+base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+victim+
			`","user":"`+victim+`"}`))+".")
	return all
}
