package auth_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	auth "github.com/backend-labs/backend-labs/labs/a11-jwt-vs-session"
)

const (
	iss = "https://login.shop"
	aud = "shop"
)

var known = sentinel.Errors{"ErrInvalid": auth.ErrInvalid, "ErrUnavailable": auth.ErrUnavailable}

var errDown = errors.New("dial tcp 10.0.0.7:6379: connect: connection refused")

func say(err error) string {
	if err == nil {
		return "nil"
	}
	return known.Say(err)
}

// answer is what a Verify has returned, for a message.
func answer(user string, err error) string {
	if err == nil {
		return fmt.Sprintf("%q", user)
	}
	return say(err)
}

// virtual runs a check in virtual time.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.Run(t, f)
}

// private is a key, always the same one for a kid.
func private(kid string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(kid))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(kid string) ed25519.PublicKey {
	return private(kid).Public().(ed25519.PublicKey)
}

// issuer knows the keys of all instances.
type issuer struct {
	mu    sync.Mutex
	kids  map[string]bool
	asked []string
	down  bool
	takes time.Duration
}

func newIssuer(kids ...string) *issuer {
	x := &issuer{kids: map[string]bool{}}
	x.add(kids...)
	return x
}

func (x *issuer) add(kids ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, kid := range kids {
		x.kids[kid] = true
	}
}

func (x *issuer) lookup(kid string) (ed25519.PublicKey, error) {
	x.mu.Lock()
	x.asked = append(x.asked, kid)
	takes, down, has := x.takes, x.down, x.kids[kid]
	x.mu.Unlock()
	time.Sleep(takes)
	if down {
		return nil, fmt.Errorf("lookup: %w", errDown)
	}
	if !has {
		return nil, fmt.Errorf("lookup: %w", auth.ErrUnknownKey)
	}
	return public(kid), nil
}

// lookups is how many there have been since the last time.
func (x *issuer) lookups() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := len(x.asked)
	x.asked = nil
	return n
}

// keys are those that one instance has.
type keys struct {
	issuer *issuer
	mu     sync.Mutex
	kid    string
}

func (k *keys) Current() (string, ed25519.PrivateKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kid, private(k.kid)
}

func (k *keys) Lookup(_ context.Context, kid string) (ed25519.PublicKey, error) {
	return k.issuer.lookup(kid)
}

// rotate makes another key the current one.
func (k *keys) rotate(kid string) {
	k.issuer.add(kid)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kid = kid
}

// verifier is an instance that signs with another key than "a".
func verifier(x *issuer) *auth.JWT {
	return auth.NewJWT(&keys{issuer: x, kid: "own"}, iss, aud, 5*time.Minute)
}

// fields are the header of a token, or its claims.
type fields map[string]any

// with is fields with some others; a nil one is left out.
func (f fields) with(more fields) fields {
	all := maps.Clone(f)
	for name, value := range more {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// good is what an accepted token says.
func good() (header, claims fields) {
	return fields{"alg": "EdDSA", "kid": "a", "typ": "JWT"},
		fields{"iss": iss, "aud": aud, "sub": "ann", "exp": time.Now().Add(time.Minute).Unix()}
}

func part(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// mint signs a token with the key of a kid, whatever the header says.
func mint(kid string, header, claims fields) string {
	signed := part(header) + "." + part(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private(kid), []byte(signed)))
}

// token is a good one, signed with the key of a kid.
func token(kid string) string {
	h, c := good()
	return mint(kid, h.with(fields{"kid": kid}), c.with(fields{"exp": time.Now().Add(2 * time.Hour).Unix()}))
}

// verified ends the check unless a Verify has returned this user.
func verified(t *testing.T, user string, err error, want string, m expect.Message) {
	t.Helper()
	m.Want, m.Got = fmt.Sprintf("%q", want), answer(user, err)
	expect.That(t, err == nil && user == want, m)
}

// fails ends the check unless an error is this one.
func fails(t *testing.T, err, want error, m expect.Message) {
	t.Helper()
	if m.Want = known.Say(want); m.Got == "" {
		m.Got = say(err)
	}
	expect.That(t, known.Is(err, want), m)
}

// fine ends the check unless there is no error.
func fine(t *testing.T, err error, m expect.Message) {
	t.Helper()
	m.Want, m.Got = "no error", say(err)
	expect.That(t, err == nil, m)
}

// entry is one of the store.
type entry struct {
	val  string
	ends time.Time // the zero time for never
}

// store is all that instances share.
type store struct {
	mu      sync.Mutex
	entries map[string]entry
	calls   int
	takes   time.Duration // a call acts when half of it has passed
	// fails says whether the n-th call does, from 1 on; nil: none.
	fails func(n int) bool
	tl    *timeline.Timeline
}

func newStore() *store { return &store{entries: map[string]entry{}} }

// call is one; do is what it does.
func (s *store) call(what, key string, do func() error) error {
	s.mu.Lock()
	takes, tl := s.takes, s.tl
	s.mu.Unlock()
	time.Sleep(takes / 2)
	s.mu.Lock()
	s.calls++
	var err error
	if s.fails != nil && s.fails(s.calls) {
		err = fmt.Errorf("%s: %w", what, errDown)
	} else {
		err = do()
	}
	kind, _, _ := strings.Cut(key, ":")
	if len(kind) > 12 {
		kind = ""
	}
	tl.Point("store", "%s %s", what, kind)
	s.mu.Unlock()
	time.Sleep(takes - takes/2)
	return err
}

// get is the entry of a key, if there is one. mu is held.
func (s *store) get(key string) (entry, bool) {
	e, ok := s.entries[key]
	if ok && !e.ends.IsZero() && !time.Now().Before(e.ends) {
		delete(s.entries, key)
		ok = false
	}
	return e, ok
}

func (s *store) put(key, val string, ttl time.Duration) {
	e := entry{val: val}
	if ttl > 0 {
		e.ends = time.Now().Add(ttl)
	}
	s.entries[key] = e
}

func (s *store) Get(_ context.Context, key string, renew time.Duration) (val string, err error) {
	err = s.call("GET", key, func() error {
		e, ok := s.get(key)
		if !ok {
			return fmt.Errorf("get: %w", auth.ErrMissing)
		}
		if renew > 0 {
			s.put(key, e.val, renew)
		}
		val = e.val
		return nil
	})
	return val, err
}

func (s *store) Set(_ context.Context, key, val string, ttl time.Duration) error {
	return s.call("SET", key, func() error {
		s.put(key, val, ttl)
		return nil
	})
}

func (s *store) Del(_ context.Context, key string) error {
	return s.call("DEL", key, func() error {
		delete(s.entries, key)
		return nil
	})
}

func (s *store) CompareAndSwap(_ context.Context, key, old, val string, ttl time.Duration) (done bool, err error) {
	err = s.call("CAS", key, func() error {
		e, ok := s.get(key)
		if done = ok && e.val == old || !ok && old == ""; done {
			s.put(key, val, ttl)
		}
		return nil
	})
	return done, err
}

// count is how many calls there have been since the last time.
func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.calls
	s.calls = 0
	return n
}

// slow makes each call take that long.
func (s *store) slow(takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = takes
}

// breaks makes calls fail from now on, those for which f says so; nil: none.
func (s *store) breaks(f func(n int) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.fails = 0, f
}

func always(int) bool { return true }

// only makes the n-th call fail.
func only(n int) func(int) bool { return func(i int) bool { return i == n } }

// from makes the n-th call fail, and all after it.
func from(n int) func(int) bool { return func(i int) bool { return i >= n } }

// instance is one server of the shop.
type instance struct {
	tokens   *auth.JWT
	sessions *auth.Sessions
	hybrid   *auth.Hybrid
}

// shop is two instances or more that share a store.
type shop struct {
	store *store
	at    []instance
}

const (
	access   = 5 * time.Minute
	idle     = 30 * time.Minute
	absolute = 8 * time.Hour
	month    = auth.RefreshTTL
)

func newShop(n int) *shop {
	s, x := &shop{store: newStore()}, newIssuer()
	for i := range n {
		kid := fmt.Sprint("key ", i)
		x.add(kid)
		tokens := auth.NewJWT(&keys{issuer: x, kid: kid}, iss, aud, access)
		s.at = append(s.at, instance{tokens, auth.NewSessions(s.store, idle, absolute), auth.NewHybrid(tokens, s.store)})
	}
	return s
}

// session begins one.
func (s *shop) session(t *testing.T, i int, user string) string {
	t.Helper()
	id, err := s.at[i].sessions.Login(t.Context(), "", user)
	fine(t, err, expect.Message{Did: fmt.Sprintf("Sessions.Login of %q", user)})
	return id
}

// login begins a family.
func (s *shop) login(t *testing.T, i int, user string) (access, refresh string) {
	t.Helper()
	access, refresh, err := s.at[i].hybrid.Login(t.Context(), user)
	fine(t, err, expect.Message{Did: fmt.Sprintf("Hybrid.Login of %q", user)})
	return access, refresh
}

// refresh ends the check unless a refresh token works. It returns the next one.
func (s *shop) refresh(t *testing.T, i int, refresh, user string, m expect.Message) (next string) {
	t.Helper()
	access, next, err := s.at[i].hybrid.Refresh(t.Context(), refresh)
	m.Want, m.Got = "the next two tokens", say(err)
	expect.That(t, err == nil, m)
	for _, x := range s.at {
		got, err := x.tokens.Verify(t.Context(), access)
		verified(t, got, err, user, expect.Message{Did: m.Did + "; verified the access token that came of it",
			Why: m.Why, Picture: m.Picture})
	}
	m.Want, m.Got = "another refresh token", fmt.Sprintf("%q, as before", next)
	if next == "" {
		m.Got = "none"
	}
	expect.That(t, next != refresh && next != "", m)
	return next
}

// refused ends the check unless a refresh token does not work, on any instance.
func (s *shop) refused(t *testing.T, refresh string, m expect.Message) {
	t.Helper()
	for _, x := range s.at {
		_, _, err := x.hybrid.Refresh(t.Context(), refresh)
		m := m
		m.Got = refreshed(err)
		fails(t, err, auth.ErrInvalid, m)
	}
}

// refreshed is what a Refresh has returned, for a message.
func refreshed(err error) string {
	if err == nil {
		return "another two tokens"
	}
	return say(err)
}

// when says how much one thing begins before or after another.
func when(d time.Duration) string {
	switch {
	case d > 0:
		return fmt.Sprintf("%v after", d)
	case d < 0:
		return fmt.Sprintf("%v before", -d)
	}
	return "at the moment when"
}
