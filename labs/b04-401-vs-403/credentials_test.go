package guard_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestTheSchemeIsCaseInsensitive(t *testing.T) {
	for _, header := range []string{"Bearer of-ann", "bearer of-ann", "BEARER of-ann",
		"bEaReR of-ann"} {
		got := new(site).get(t, "/orders", header)
		expect.That(t, got.status == 200, expect.Message{
			Did:  fmt.Sprintf("asked for GET /orders with %q, a valid token", header),
			Want: "200: the name of the scheme may be written in either case",
			Got:  got.String(),
			Why: "RFC 9110 says so, and some libraries write it in lower case; their users " +
				"cannot log in and nobody finds out why",
		})
	}
}

func TestTheTokenIsTakenAsItIs(t *testing.T) {
	long := "eyJ" + strings.Repeat("x9-_", 1500)
	for _, token := range []string{"AbC", "abc", "Bearer", "undefined", "null", "0", "-",
		"eyJhbGciOi.eyJzdWI.c2ln-_",
		"a~b+c/d==", long, strings.Repeat("eyJ", 100_000)} {
		s := new(site)
		s.get(t, "/orders", "Bearer "+token)
		expect.That(t, slices.Contains(s.log, "verify "+token), expect.Message{
			Did:  "asked for GET /orders with the token " + shorten(token),
			Want: "verify called with exactly that",
			Got:  "called: " + shorten(s.calls()),
			Why:  "unlike the scheme, every letter of a token counts",
		})
	}
}

// shorten keeps a failure readable.
func shorten(text string) string {
	if len(text) <= 100 {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:100], len(text))
}

func TestOtherCredentialsAreNone(t *testing.T) {
	password := base64.StdEncoding.EncodeToString([]byte("ann:of-ann"))
	user := base64.StdEncoding.EncodeToString([]byte("of-ann:x-oauth-basic"))
	for _, header := range []string{"Basic of-ann", "Bearer", "Bearer ", "Bearerof-ann",
		"Bearers of-ann", "of-ann", "Token bearer of-ann", "Bearer\tof-ann", "Bearer=of-ann",
		"Basic " + password, "Basic " + user, "Token of-ann", "JWT of-ann", "DPoP of-ann", "ApiKey of-ann"} {
		s := new(site)
		got := s.get(t, "/orders", header)
		expect.That(t, got.status == 401 && len(s.log) == 0, expect.Message{
			Did:  fmt.Sprintf("asked for GET /orders with the header %q", "Authorization: "+header),
			Want: "401, and verify not called: there is no bearer token in it",
			Got:  fmt.Sprintf("%s; called: %s", got, s.calls()),
			Why: "the scheme says what the rest means; a password of Basic, sent on as a " +
				"token, ends up in the logs of the identity provider",
		})
		wantChallenge(t, got, "lab", fmt.Sprintf("asked for GET /orders with the header %q",
			"Authorization: "+header))
	}
	wantAnnIn(t)
}

func TestATokenElsewhereIsNone(t *testing.T) {
	for _, where := range []struct {
		what string
		put  func(r *http.Request)
	}{
		{"in the query, as access_token", func(r *http.Request) {
			r.URL.RawQuery = "access_token=of-ann&token=of-ann"
		}},
		{"in a cookie", func(r *http.Request) {
			r.Header.Set("Cookie", "access_token=of-ann; token=of-ann; session=of-ann")
		}},
		{"in the header Proxy-Authorization", func(r *http.Request) {
			r.Header.Set("Proxy-Authorization", "Bearer of-ann")
		}},
		{"in the header X-Auth-Token", func(r *http.Request) {
			r.Header.Set("X-Auth-Token", "of-ann")
			r.Header.Set("X-Authorization", "Bearer of-ann")
		}},
		{"in the headers X-Access-Token, X-Api-Key and the like", func(r *http.Request) {
			for _, name := range []string{"X-Access-Token", "Access-Token", "X-Api-Key", "X-Token", "Token",
				"X-Id-Token", "X-Amz-Security-Token", "X-Session-Token"} {
				r.Header.Set(name, "of-ann")
			}
			for _, name := range []string{"X-Forwarded-Authorization", "X-Original-Authorization", "Authentication",
				"X-Forwarded-Access-Token"} {
				r.Header.Set(name, "Bearer of-ann")
			}
			r.Header.Set("Sec-WebSocket-Protocol", "bearer, of-ann")
		}},
		{"in a form, as access_token", func(r *http.Request) {
			r.Method = http.MethodPost
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Body = io.NopCloser(strings.NewReader("access_token=of-ann&token=of-ann"))
		}},
		{"as the password of the URL", func(r *http.Request) {
			r.URL.User = url.UserPassword("bearer", "of-ann")
		}},
	} {
		s := new(site)
		r := s.request(t, http.MethodGet, "/orders", "")
		where.put(r)
		got := s.do(t, r)
		expect.That(t, got.status == 401 && len(s.log) == 0, expect.Message{
			Did:  fmt.Sprintf("asked for GET /orders with ann's token %s", where.what),
			Want: "401, and nobody called: credentials are the header Authorization",
			Got:  fmt.Sprintf("%s; called: %s", got, s.calls()),
			Why: "URLs end up in logs and histories, and cookies are sent by pages of others; " +
				"every place that is looked at is one more that has to be guarded",
		})
	}
	wantAnnIn(t)
}
