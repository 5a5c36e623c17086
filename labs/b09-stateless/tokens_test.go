package stateless_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestTokensCannotBeForged(t *testing.T) {
	f := newFleet(1, secret)
	ann, bob := f.login(t, "ann"), f.login(t, "bob")
	bob.mustAdd(t, "bob's lamp")
	ann.wantCart(t, nil, "logged in as ann and as bob, added an item to bob's cart, and asked "+
		"for ann's", "")
	wantStranger401(t, f)
	aTokenIsSentAsABearer(t, f, ann)
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
		nothingIsDone(t, f, bob, forged)
	}
	for _, digit := range []string{"1", "2", "7", "9"} {
		for _, forged := range moved(f.login(t, "bob"+digit).token, "bob", digit) {
			nothingIsDone(t, f, bob, forged)
		}
	}
}

// nothingIsDone tries to add something and to see something with a token that is none.
func nothingIsDone(t *testing.T, f *fleet, victim *user, forged forgery) {
	t.Helper()
	did := fmt.Sprintf("sent POST /cart/items with the token %q, %s", forged.token, forged.how)
	got := f.do("POST", "/cart/items", forged.token, map[string]string{"sku": "a bomb"})
	expect.That(t, got.status == 401, expect.Message{Did: did, Want: "401", Got: got.String()})
	victim.wantCart(t, []string{"bob's lamp"}, did+", and asked with bob's own for his cart",
		"the status says no, and the work is done all the same: what counts is what has happened")
	got = f.do("GET", "/cart", forged.token, nil)
	expect.That(t, !strings.Contains(got.body, "lamp"), expect.Message{
		Did:  fmt.Sprintf("asked for the cart with the token %q, %s", forged.token, forged.how),
		Want: "401, and nothing of a cart",
		Got:  got.String(),
		Why:  "a body behind a 401 is read by whoever wants to",
	})
}

// aTokenIsSentAsABearer sends a good token in other ways.
func aTokenIsSentAsABearer(t *testing.T, f *fleet, u *user) {
	t.Helper()
	for _, header := range []string{u.token, "Basic " + u.token, "Token " + u.token, "Bearer" + u.token,
		"Bearer", "Bearer ", "Bearer: " + u.token, "Bearer=" + u.token} {
		got := f.send("GET", "/cart", header, nil)
		expect.That(t, got.status == 401, expect.Message{
			Did: fmt.Sprintf("logged in as %s, got the token %q, and asked for the cart with the header "+
				"Authorization: %s", u.name, u.token, header),
			Want: "401: a token is sent as Authorization: Bearer <token>, and this is none",
			Got:  got.String(),
			Why: "what is behind Basic is a name and a password, and what has no scheme nobody knows: " +
				"proxies and logs hide a token where they know that it is one",
		})
	}
	for _, name := range []string{"token", "access_token", "bearer", "authorization", "Authorization"} {
		for _, scheme := range []string{"", "Bearer "} {
			path := "/cart?" + url.Values{name: {scheme + u.token}}.Encode()
			got := f.send("GET", path, "", nil)
			expect.That(t, got.status == 401, expect.Message{
				Did:  fmt.Sprintf("logged in as %s, and sent GET %s without a header Authorization", u.name, path),
				Want: "401: a token is sent as Authorization: Bearer <token>, and this is none",
				Got:  got.String(),
				Why: "an address is kept by browsers, proxies and logs, and sent on to the next site: a token in it is " +
					"everybody's",
			})
		}
	}
	for _, name := range []string{"session", "session_id", "sid", "token", "access_token", "auth", "jwt", "Authorization"} {
		aTokenIsNoOtherHeader(t, f, u, "Cookie", name+"="+u.token)
	}
	for _, name := range []string{"X-Auth-Token", "X-Token", "X-Access-Token", "X-Api-Key", "X-Authorization", "Token",
		"Proxy-Authorization"} {
		aTokenIsNoOtherHeader(t, f, u, name, u.token)
		aTokenIsNoOtherHeader(t, f, u, name, "Bearer "+u.token)
	}
}

func aTokenIsNoOtherHeader(t *testing.T, f *fleet, u *user, name, value string) {
	t.Helper()
	f.beside = http.Header{name: {value}}
	defer func() { f.beside = nil }()
	got := f.send("GET", "/cart", "", nil)
	expect.That(t, got.status == 401, expect.Message{
		Did: fmt.Sprintf("logged in as %s, and sent GET /cart with the header %s: %s, and no Authorization", u.name, name,
			value),
		Want: "401: a token is sent as Authorization: Bearer <token>, and this is none",
		Got:  got.String(),
		Why: "a cookie comes along by itself with what another site's page sends, and what stands in a header of one's " +
			"own neither proxies nor logs know for a secret",
	})
}

func TestATokenLastsADay(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		f := newFleet(2, secret)
		ann := f.login(t, "ann")
		ann.mustAdd(t, "lamp")
		time.Sleep(24*time.Hour - time.Minute)
		ann.wantCart(t, []string{"lamp"},
			"logged in as ann, and asked for the cart 23 hours and 59 minutes later",
			"somebody who fills a cart in the morning pays in the evening; when they are logged "+
				"out in between, they do not come back")

		const why = "a day begins with the login, not at midnight, nor when an instance is started"
		bob := newFleet(2, secret).login(t, "bob")
		time.Sleep(2 * time.Minute)
		bob.wantCart(t, nil, "logged in as bob a minute before midnight, and asked for the cart 2 "+
			"minutes later", why)
		carol := f.login(t, "carol")
		time.Sleep(24*time.Hour - time.Minute)
		carol.wantCart(t, nil, "logged in as carol at an instance that was a day old, and asked it "+
			"for the cart 23 hours and 59 minutes later", why)
	})
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
				Why:  severalSpellings,
			})
		}
		for _, c := range []struct{ how, token string }{
			{"with an equals sign behind it", ann.token + "="},
			{"with quotation marks round it", `"` + ann.token + `"`},
			{"with its first character as a percent sign and two digits",
				fmt.Sprintf("%%%02X", ann.token[0]) + ann.token[1:]},
			{"with a second word behind it", ann.token + " A"},
			{"twice, with a comma between", ann.token + "," + ann.token},
		} {
			got := f.do("GET", "/cart", c.token, nil)
			expect.That(t, got.status == 401, expect.Message{
				Did: fmt.Sprintf("logged in as %s, and asked for the cart with the token %s: %q", name,
					c.how, c.token),
				Want: "401: no login has given this token out",
				Got:  got.String(),
				Why:  severalSpellings,
			})
		}
	}
}

const severalSpellings = "a token with several spellings cannot be blocked or counted by its text, " +
	"and where a decoder is lenient, somebody finds out with what else it is"

// moved are tokens of a user who is called like another one with a digit behind it, in which that digit stands at the
// beginning of what follows the name. Where both were signed as one text, the signature is still good.
func moved(token, name, digit string) (all []forgery) {
	plain := func(s string) ([]byte, error) { return []byte(s), nil }
	ways := []struct {
		encode func([]byte) string
		decode func(string) ([]byte, error)
	}{
		{func(b []byte) string { return string(b) }, plain},
		{hex.EncodeToString, hex.DecodeString},
		{base64.RawURLEncoding.EncodeToString, base64.RawURLEncoding.DecodeString},
		{base64.URLEncoding.EncodeToString, base64.URLEncoding.DecodeString},
		{base64.RawStdEncoding.EncodeToString, base64.RawStdEncoding.DecodeString},
		{base64.StdEncoding.EncodeToString, base64.StdEncoding.DecodeString},
	}
	for _, separator := range []string{".", ":", "|"} {
		parts := strings.Split(token, separator)
		for i := range len(parts) - 1 {
			for _, way := range ways {
				if got, err := way.decode(parts[i]); err != nil || string(got) != name+digit {
					continue
				}
				changed := slices.Clone(parts)
				changed[i], changed[i+1] = way.encode([]byte(name)), digit+parts[i+1]
				all = append(all, forgery{"the token of " + name + digit + " with the " + digit +
					" moved from the name to what follows it", strings.Join(changed, separator)})
			}
		}
	}
	// the name and what follows it, encoded as one
	for _, way := range ways[1:] {
		for _, separator := range []string{".", ":", "|", ",", "\x00", " "} {
			parts := strings.Split(token, ".")
			got, err := way.decode(parts[0])
			if head, tail, ok := strings.Cut(string(got), separator); err == nil && ok && head == name+digit {
				parts[0] = way.encode([]byte(name + separator + digit + tail))
				all = append(all, forgery{"the token of " + name + digit + " with the " + digit +
					" moved from the name to what follows it", strings.Join(parts, ".")})
			}
		}
	}
	return all
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
	hashed := sha256.Sum256([]byte(victim))
	for _, c := range codecs {
		try("made one with a name and its SHA-256", c.encode([]byte(victim))+"."+c.encode(hashed[:]))
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
