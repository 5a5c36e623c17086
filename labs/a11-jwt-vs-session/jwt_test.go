package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	auth "github.com/backend-labs/backend-labs/labs/a11-jwt-vs-session"
)

// vector is a token that differs from a good one in something.
type vector struct {
	what string
	tok  string
	user string // for whom it is accepted, "" if it is not
	why  string
}

// judge gives each vector to a verifier of its own, which knows nothing yet, and to one that knows the keys.
func judge(t *testing.T, vectors []vector) {
	t.Helper()
	for i := range 2 * len(vectors) {
		v := vectors[i/2]
		if i%2 == 1 && strings.Contains(v.what, "one bit") {
			continue // there are many, and once is enough
		}
		j := verifier(newIssuer("a", "b"))
		did := "verified a token " + v.what
		if i%2 == 1 {
			did += ", where its key had been looked up before"
			for _, kid := range []string{"a", "b"} {
				user, err := j.Verify(t.Context(), token(kid))
				verified(t, user, err, "ann", expect.Message{Did: "verified a good token"})
			}
		}
		user, err := j.Verify(t.Context(), v.tok)
		if v.user != "" {
			verified(t, user, err, v.user, expect.Message{Did: did, Why: v.why})
			continue
		}
		m := expect.Message{Did: did, Why: v.why}
		if err == nil {
			m.Got = fmt.Sprintf("it is accepted for %q", user)
		}
		fails(t, err, auth.ErrInvalid, m)
	}
}

func TestWhatATokenMustSay(t *testing.T) {
	virtual(t, func(t *testing.T) {
		h, c := good()
		now := time.Now()
		var vectors []vector
		says := func(what, user, why string, more fields) {
			vectors = append(vectors, vector{what, mint("a", h, c.with(more)), user, why})
		}
		says("that is good", "ann", "", nil)
		says("for another user", "José 🙂", "", fields{"sub": "José 🙂"})
		says("for two services, of which we are the second one", "ann", "aud may be a list", fields{"aud": []string{"newsletter", aud}})
		says("for two services, of which we are the first one", "ann", "aud may be a list", fields{"aud": []string{aud, "newsletter"}})
		says("for five services, of which we are the last one", "ann", "aud may be a list, of any length",
			fields{"aud": []string{"newsletter", "billing", "search", "stock", aud}})
		for _, sub := range []string{" ann ", " ", "Ann@Example.com"} {
			says(fmt.Sprintf("for user %q", sub), sub, "a sub is what the issuer calls somebody, and another text is somebody else", fields{"sub": sub})
		}
		says("that was issued in a minute", "ann", "iat is for information, and clocks differ", fields{"iat": now.Add(time.Minute).Unix()})
		says("with claims that nobody knows", "ann", "what is unknown is ignored (RFC 7519, section 4)", fields{"roles": []string{"x"}, "jti": 7})
		says("that has been valid for an hour", "ann", "", fields{"nbf": now.Add(-time.Hour).Unix()})
		for _, typ := range []any{nil, "at+jwt"} {
			vectors = append(vectors, vector{fmt.Sprintf("with typ %v", typ), mint("a", h.with(fields{"typ": typ}), c), "ann", "typ may be missing"})
		}
		why := "whoever runs another issuer would be whoever they like here"
		for _, other := range []any{nil, "", "https://login.evil", iss + "/", iss + ".evil", strings.ToUpper(iss), "https://login"} {
			says(fmt.Sprintf("with iss %v", other), "", why, fields{"iss": other})
		}
		why = "a token for the newsletter would open the shop"
		for _, other := range []any{nil, "", "newsletter", aud + "-admin", "Shop", "sho", []string{}, []string{"newsletter", "shop2"}, iss,
			aud + " newsletter", "newsletter," + aud, " " + aud, []string{"newsletter " + aud}} {
			says(fmt.Sprintf("with aud %v", other), "", why, fields{"aud": other})
		}
		says("without exp", "", "it would be good for ever", fields{"exp": nil})
		says("without sub", "", "nobody is no user", fields{"sub": nil})
		says("with an empty sub", "", "nobody is no user", fields{"sub": ""})
		judge(t, vectors)

		other := auth.NewJWT(&keys{issuer: newIssuer("a"), kid: "own"}, "https://else", "newsletter", time.Minute)
		user, err := other.Verify(t.Context(), mint("a", h, c.with(fields{"iss": "https://else", "aud": "newsletter"})))
		verified(t, user, err, "ann", expect.Message{Did: "verified a token of another issuer for the newsletter, with a JWT that was made for these two"})
		_, err = other.Verify(t.Context(), mint("a", h, c))
		fails(t, err, auth.ErrInvalid, expect.Message{Did: "verified a token for the shop, with the newsletter's JWT", Why: why})
	})
}

func TestATokenHasItsTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		h, c := good()
		time.Sleep(700 * time.Millisecond) // in the middle of a second
		now := time.Now()
		var vectors []vector
		says := func(what, user, why string, more fields) {
			vectors = append(vectors, vector{what, mint("a", h, c.with(more)), user, why})
		}
		ago := func(d time.Duration) float64 { return float64(now.Add(-d).UnixMilli()) / 1000 }
		says("that expired 29 s ago", "ann", "the issuer's clock may be behind by so much", fields{"exp": ago(29 * time.Second)})
		says("that expired 29.5 s ago", "ann", "", fields{"exp": ago(29500 * time.Millisecond)})
		says("that expired 31 s ago", "", "a token that cannot be called back must at least end", fields{"exp": ago(31 * time.Second)})
		says("that expired an hour ago", "", "", fields{"exp": ago(time.Hour)})
		says("that expired 30.5 s ago", "", "exp may have a fraction, and the time has one", fields{"exp": ago(30500 * time.Millisecond)})
		for _, d := range []time.Duration{30200 * time.Millisecond, 30900 * time.Millisecond} {
			says(fmt.Sprintf("that expired %v ago", d), "", "exp may have a fraction, and the time has one", fields{"exp": ago(d)})
			says(fmt.Sprintf("that is valid in %v", d), "", "nbf may have a fraction, and the time has one", fields{"nbf": ago(-d)})
		}
		says("that expired in 1970", "", "0 is a time, too", fields{"exp": 0})
		says("that expired before 1970", "", "", fields{"exp": -1})
		says("that expires in the year 2400", "ann", "", fields{"exp": 13569465600})
		says("that expires in the year 2700", "ann", "", fields{"exp": 23036659200})
		says("that is valid in 29 s", "ann", "the issuer's clock may be ahead by so much", fields{"nbf": ago(-29 * time.Second)})
		says("that is valid in 29.5 s", "ann", "", fields{"nbf": ago(-29500 * time.Millisecond)})
		says("that is valid in 30.5 s", "", "nbf may have a fraction, and the time has one", fields{"nbf": ago(-30500 * time.Millisecond)})
		says("that has been valid since 1970", "ann", "", fields{"nbf": 0})
		says("that has been valid since before 1970", "ann", "", fields{"nbf": -1.5})
		says("that is valid from the year 2400 on", "", "", fields{"nbf": 13569465600, "exp": 13569465660})
		says("that is valid from the year 2700 on", "", "", fields{"nbf": 23036659200, "exp": 23036659260})
		says("that is valid in 20 s, and expired 20 s ago", "ann", "both are within the leeway, and each is looked at on its own",
			fields{"nbf": ago(-20 * time.Second), "exp": ago(20 * time.Second)})
		says("that is valid in 31 s", "", "it is not valid yet", fields{"nbf": ago(-31 * time.Second)})
		says("that is valid in an hour", "", "it is not valid yet", fields{"nbf": ago(-time.Hour), "exp": ago(-2 * time.Hour)})
		says("that expires in 10^300 s", "ann", "a number in JSON has no bound", fields{"exp": 1e300})
		says("that has been valid for 10^300 s", "ann", "a number in JSON has no bound", fields{"nbf": -1e300})
		says("that is valid in 10^300 s", "", "a number in JSON has no bound", fields{"nbf": 1e300, "exp": 1e300})
		why := "the leeway is 30 s; who needs more of it has clocks to mend"
		says("that expired 29.999 s ago", "ann", why, fields{"exp": ago(29999 * time.Millisecond)})
		says("that expired 30.001 s ago", "", why, fields{"exp": ago(30001 * time.Millisecond)})
		says("that is valid in 29.999 s", "ann", why, fields{"nbf": ago(-29999 * time.Millisecond)})
		says("that is valid in 30.001 s", "", why, fields{"nbf": ago(-30001 * time.Millisecond)})
		judge(t, vectors)

		for _, ttl := range []time.Duration{time.Second, access, 8 * time.Hour} {
			x := newIssuer("a")
			j, v := auth.NewJWT(&keys{issuer: x, kid: "a"}, iss, aud, ttl), verifier(x)
			tok, err := j.Issue("ann")
			fine(t, err, expect.Message{Did: "Issue"})
			user, err := v.Verify(t.Context(), tok)
			verified(t, user, err, "ann", expect.Message{Did: fmt.Sprintf("issued a token for %v; verified it", ttl)})
			time.Sleep(ttl + 29*time.Second)
			user, err = v.Verify(t.Context(), tok)
			verified(t, user, err, "ann", expect.Message{Did: fmt.Sprintf("issued a token for %v; verified it 29 s after it had expired", ttl)})
			time.Sleep(2 * time.Second)
			_, err = v.Verify(t.Context(), tok)
			fails(t, err, auth.ErrInvalid, expect.Message{Did: fmt.Sprintf("issued a token for %v; verified it 31 s after it had expired", ttl)})
		}
	})
}

func TestWhoHasSigned(t *testing.T) {
	virtual(t, func(t *testing.T) {
		h, c := good()
		tok := mint("a", h, c)
		signed, sig := tok[:strings.LastIndex(tok, ".")], tok[strings.LastIndex(tok, ".")+1:]
		raw, _ := base64.RawURLEncoding.DecodeString(sig)
		vectors := []vector{{"that is good", tok, "ann", ""},
			{"of another key of the issuer", mint("b", h.with(fields{"kid": "b"}), c), "ann", ""},
			{"of the key that this instance signs with", mint("own", h.with(fields{"kid": "own"}), c), "ann", ""}}
		bad := func(what, tok, why string) { vectors = append(vectors, vector{what, tok, "", why}) }
		why := "whoever sent the token would choose how it is verified"
		for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
			h := h.with(fields{"alg": alg})
			bad(fmt.Sprintf("with alg %q and no signature", alg), part(h)+"."+part(c)+".", why)
			bad(fmt.Sprintf("with alg %q and the right EdDSA signature", alg), mint("a", h, c), "EdDSA alone is accepted")
		}
		for _, secret := range [][]byte{public("a"), []byte(base64.StdEncoding.EncodeToString(public("a"))), {}} {
			signed := part(h.with(fields{"alg": "HS256"})) + "." + part(c)
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(signed))
			bad("with alg HS256, for which the public key was the secret",
				signed+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), "everybody has the public key")
		}
		for _, alg := range []any{"HS256", "RS256", "ES256", "eddsa", "EDDSA", "EdDSA ", "Ed25519", nil} {
			bad(fmt.Sprintf("with alg %v and the right EdDSA signature", alg), mint("a", h.with(fields{"alg": alg}), c), "EdDSA alone is accepted")
		}
		why = "the key id is written by whoever sends the token, too"
		for _, kid := range []any{"b", "own", "A", "../../etc/passwd", "' OR 1=1", "", nil} {
			bad(fmt.Sprintf("that is signed with key a and says kid %v", kid), mint("a", h.with(fields{"kid": kid}), c), why)
		}
		for _, kid := range []string{"a ", " a", "a\n"} {
			bad(fmt.Sprintf("that is signed with key \"a\" and says kid %q", kid), mint("a", h.with(fields{"kid": kid}), c), "another text is another key")
		}
		for _, kid := range []any{"", nil} {
			bad(fmt.Sprintf("that is signed with this instance's own key and says kid %v", kid), mint("own", h.with(fields{"kid": kid}), c), why)
		}
		bad("that a stranger has signed", mint("stranger", h, c), "")
		bad("that a stranger has signed with a key of his", mint("stranger", h.with(fields{"kid": "stranger"}), c), "")
		why = "somebody has changed it"
		for _, n := range []int{0, 1, 32, 63} {
			bad(fmt.Sprintf("with the first %d bytes of its signature", n), signed+"."+base64.RawURLEncoding.EncodeToString(raw[:n]), why)
		}
		bad("with a signature that is a byte longer", signed+"."+base64.RawURLEncoding.EncodeToString(append(raw[:64:64], 0)), why)
		bad("with the signature of another one", part(h)+"."+part(c.with(fields{"sub": "bob"}))+"."+sig, why)
		for i := range 64 {
			for what, in := range map[string]string{"payload": part(c), "signature": sig} {
				data, _ := base64.RawURLEncoding.DecodeString(in)
				data[i*len(data)/64] ^= 1 << (i % 8)
				out := base64.RawURLEncoding.EncodeToString(data)
				bad(fmt.Sprintf("in the %s of which one bit is another", what), strings.Replace(tok, "."+in, "."+out, 1), why)
			}
		}
		for _, garbage := range []string{"", ".", "..", "...", "x", signed, tok + ".", tok + "." + sig, "." + tok, tok + "=", "a.b.c",
			"Bearer " + tok, "e30.e30.", "e30.e30.e30", "bnVsbA.bnVsbA." + sig} {
			bad(fmt.Sprintf("that is none: %.40q", garbage), garbage, "")
		}
		judge(t, vectors)
	})
}

func TestKeysRotate(t *testing.T) {
	virtual(t, func(t *testing.T) {
		x := newIssuer("a")
		signer := &keys{issuer: x, kid: "a"}
		issues, v := auth.NewJWT(signer, iss, aud, 2*time.Hour), verifier(x)
		issue := func(did string) string {
			tok, err := issues.Issue("ann")
			fine(t, err, expect.Message{Did: did})
			return tok
		}
		accepts := func(j *auth.JWT, tok string, lookups int, did, why string) {
			t.Helper()
			user, err := j.Verify(t.Context(), tok)
			verified(t, user, err, "ann", expect.Message{Did: did, Why: why})
			n := x.lookups()
			expect.That(t, n <= lookups, expect.Message{Did: did, Want: fmt.Sprintf("at most %d Lookup", lookups),
				Got: fmt.Sprintf("%d", n), Why: "each one is a request to the issuer, while a user waits"})
		}
		old := issue("issued a token")
		accepts(v, old, 1, "verified a token of another instance", "")
		for range 100 {
			accepts(v, issue("issued a token"), 0, "verified a token of a key that had been looked up", "")
			accepts(issues, issue("issued a token"), 0, "verified a token on the instance that had issued it", "")
		}
		signer.rotate("b")
		rotated := issue("issued a token with the next key")
		accepts(issues, rotated, 0, "rotated the key of an instance; verified a token there that it had issued after that", "it has the key")
		accepts(v, rotated, 1, "rotated the key of an instance; verified its new token elsewhere", "")
		accepts(v, old, 0, "rotated the key of an instance; verified its old token elsewhere", "it has not expired")
		accepts(issues, old, 1, "rotated the key of an instance; verified its own old token there", "it has not expired")
		signer.rotate("c")
		accepts(v, issue("issued a token with the key after that"), 1, "rotated the key again, at once; verified the new token elsewhere",
			"only a Lookup that has failed is followed by silence")
		time.Sleep(time.Hour - time.Second)
		for i, tok := range []string{old, rotated, token("c")} {
			accepts(v, tok, 0, fmt.Sprintf("verified a token of the %d. of three keys, 59 minutes and 59 s after its Lookup", i+1), "")
		}
		manyKeys(t)
		formerKey(t)
	})
}

// manyKeys has an issuer with a key for each of a hundred instances.
func manyKeys(t *testing.T) {
	t.Helper()
	const n = 100
	x := newIssuer()
	v := verifier(x)
	for round, want := range []int{n, 0} {
		did := fmt.Sprintf("verified tokens of %d keys, for the %d. time", n, round+1)
		for i := range n {
			kid := fmt.Sprint("instance ", i)
			x.add(kid)
			user, err := v.Verify(t.Context(), token(kid))
			verified(t, user, err, "ann", expect.Message{Did: did})
		}
		got := x.lookups()
		expect.That(t, got == want, expect.Message{Did: did, Want: fmt.Sprintf("%d Lookups", want), Got: fmt.Sprint(got),
			Why: "each instance has a key of its own, and there may be many: what is forgotten is asked for by the next request"})
	}
}

// formerKey has an instance whose key was replaced, and that the issuer knows nothing of.
func formerKey(t *testing.T) {
	t.Helper()
	x := newIssuer("a")
	signer := &keys{issuer: x, kid: "own"}
	j := auth.NewJWT(signer, iss, aud, access)
	user, err := j.Verify(t.Context(), token("own"))
	verified(t, user, err, "ann", expect.Message{Did: "verified a token of the key that this instance signs with"})
	signer.rotate("b")
	user, err = j.Verify(t.Context(), token("own"))
	m := expect.Message{Did: "verified a token of the key that this instance signed with before, and that the issuer does not know",
		Why: "a key is replaced because it was stolen, too"}
	if err == nil {
		m.Got = fmt.Sprintf("it is accepted for %q", user)
	}
	fails(t, err, auth.ErrInvalid, m)
}

func TestUnknownKeys(t *testing.T) {
	virtual(t, func(t *testing.T) {
		x := newIssuer("a", "b", "c")
		v := verifier(x)
		begins := func(did string) {
			t.Helper()
			for _, kid := range []string{"a", "own"} {
				user, err := v.Verify(t.Context(), token(kid))
				verified(t, user, err, "ann", expect.Message{Did: did + "; verified a token of a known key",
					Why: "whoever sends nonsense would log out all others"})
			}
		}
		begins("nothing yet")
		x.lookups()
		time.Sleep(time.Minute)
		start := time.Now()
		h, c := good()
		_, rest, _ := strings.Cut(mint("stranger", h, c), ".")
		for i := range 1000 {
			forged := part(h.with(fields{"kid": fmt.Sprint("random ", i)})) + "." + rest
			_, err := v.Verify(t.Context(), forged)
			expect.That(t, known.Is(err, auth.ErrInvalid) || i > 0 && known.Is(err, auth.ErrUnavailable), expect.Message{
				Did: fmt.Sprintf("verified token %d of many with random key ids", i+1), Want: "ErrInvalid, or later ErrUnavailable", Got: say(err)})
			if i%100 == 50 {
				begins("verified tokens with random key ids")
			}
			time.Sleep(10 * time.Millisecond)
		}
		n := x.lookups()
		expect.That(t, n >= 1 && n <= 2, expect.Message{
			Did: fmt.Sprintf("verified 1000 tokens with random key ids in %v", time.Since(start)), Want: "1 or 2 Lookups", Got: fmt.Sprint(n),
			Why: "whoever can send a request could bring down the identity provider with it"})

		time.Sleep(11*time.Second + 700*time.Millisecond) // in the middle of a second
		for round := range 3 {
			what := fmt.Sprintf("verified a token with an unknown key (for the %d. time, %d s after the last one)", round+1, 11)
			_, err := v.Verify(t.Context(), token("nobody"))
			fails(t, err, auth.ErrInvalid, expect.Message{Did: what})
			n := x.lookups()
			expect.That(t, n == 1, expect.Message{Did: what, Want: "1 Lookup", Got: fmt.Sprint(n),
				Why: "whoever never asks again does not get to know new keys"})
			asked := time.Now()
			for _, after := range []time.Duration{time.Second, 10*time.Second - time.Millisecond} {
				time.Sleep(time.Until(asked.Add(after)))
				for _, kid := range []string{"nobody", "somebody", "b"} {
					_, err := v.Verify(t.Context(), token(kid))
					n := x.lookups()
					expect.That(t, err != nil && n == 0, expect.Message{Did: what + fmt.Sprintf("; %v after it, one with key id %q", after, kid),
						Want: "an error, and no Lookup", Got: fmt.Sprintf("%s, and %d", say(err), n)})
				}
			}
			begins(what)
			time.Sleep(time.Until(asked.Add(11 * time.Second)))
		}
		for _, kid := range []string{"b", "c"} {
			what := fmt.Sprintf("verified a token of new key %s, 11 s after the last Lookup that failed", kid)
			user, err := v.Verify(t.Context(), token(kid))
			verified(t, user, err, "ann", expect.Message{Did: what, Why: "after a rotation everybody comes with a new key"})
			n := x.lookups()
			expect.That(t, n == 1, expect.Message{Did: what, Want: "1 Lookup", Got: fmt.Sprint(n)})
		}
	})
}

func TestTheIssuerIsDown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		x := newIssuer("a", "b")
		v := verifier(x)
		knows := func(did string) {
			t.Helper()
			for _, kid := range []string{"a", "own"} {
				start := time.Now()
				user, err := v.Verify(t.Context(), token(kid))
				verified(t, user, err, "ann", expect.Message{Did: did + "; verified a token of a known key"})
				took := time.Since(start)
				expect.That(t, took == 0, expect.Message{Did: did + "; verified a token of a known key", Want: "an answer at once",
					Got: fmt.Sprintf("after %v", took), Why: "one new key, or a slow issuer, would stop all requests"})
			}
		}
		knows("nothing yet")
		x.down = true
		did := "the issuer is down; verified a token of a new key"
		_, err := v.Verify(t.Context(), token("b"))
		fails(t, err, auth.ErrUnavailable, expect.Message{Did: did, Why: "the token may be good: who is told that it is not logs in again, " +
			"at an issuer that is down"})
		x.lookups()
		for range 9 {
			time.Sleep(time.Second)
			_, err := v.Verify(t.Context(), token("b"))
			n := x.lookups()
			expect.That(t, err != nil && n == 0, expect.Message{Did: did + ", and again within 10 s", Want: "an error, and no Lookup",
				Got: fmt.Sprintf("%s, and %d", say(err), n), Why: "an issuer that comes back should not be met by all at once"})
			knows("the issuer is down")
		}
		time.Sleep(2 * time.Second)
		x.takes = 5 * time.Second
		_, err = v.Verify(t.Context(), token("b"))
		fails(t, err, auth.ErrUnavailable, expect.Message{Did: "verified a token of a new key, and Lookup failed after 5 s"})
		x.lookups()
		time.Sleep(9 * time.Second)
		_, err = v.Verify(t.Context(), token("b"))
		n := x.lookups()
		expect.That(t, err != nil && n == 0, expect.Message{Did: "a Lookup failed, after 5 s; 9 s after that verified another token",
			Want: "an error, and no Lookup", Got: fmt.Sprintf("%s, and %d", say(err), n), Why: "the 10 s begin when it has failed"})
		time.Sleep(2 * time.Second)
		x.down = false
		x.takes = 3 * time.Second
		var wg sync.WaitGroup
		var user string
		wg.Go(func() { user, err = v.Verify(t.Context(), token("b")) })
		time.Sleep(time.Second)
		knows("a Lookup that takes 3 s is under way")
		wg.Wait()
		verified(t, user, err, "ann", expect.Message{Did: "the issuer is back; verified a token of the new key, 11 s after the Lookup that failed"})
	})
}

// TestFiftyMeetANewKey runs in real time: a mutex that is held during a Lookup is no mistake here.
func TestFiftyMeetANewKey(t *testing.T) {
	for _, kids := range [][]string{{"a"}, {"a", "b", "c", "d", "e"}, {"nobody"}} {
		x := newIssuer("a", "b", "c", "d", "e")
		x.takes = 30 * time.Millisecond
		v := verifier(x)
		users, errs := make([]string, 50), make([]error, 50)
		var wg sync.WaitGroup
		gate := make(chan struct{})
		for i := range users {
			tok := token(kids[i%len(kids)])
			wg.Go(func() {
				<-gate
				users[i], errs[i] = v.Verify(t.Context(), tok)
			})
		}
		close(gate)
		wg.Wait()
		did := fmt.Sprintf("verified 50 tokens at the same time; new keys: %d", len(kids))
		for i := range users {
			if kids[0] == "nobody" {
				did = "verified 50 tokens at the same time, of a key that there is not"
				expect.That(t, known.Is(errs[i], auth.ErrInvalid) || known.Is(errs[i], auth.ErrUnavailable), expect.Message{Did: did,
					Want: "ErrInvalid or ErrUnavailable", Got: answer(users[i], errs[i])})
				continue
			}
			verified(t, users[i], errs[i], "ann", expect.Message{Did: did, Why: "after a rotation everybody comes at once"})
		}
		n := x.lookups()
		expect.That(t, n == len(kids), expect.Message{Did: did, Want: fmt.Sprintf("%d Lookup in all", len(kids)), Got: fmt.Sprint(n),
			Why: "after a rotation all servers ask the issuer, and each should do so once"})
	}
}
