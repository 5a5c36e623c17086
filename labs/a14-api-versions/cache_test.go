package versions_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	versions "github.com/backend-labs/backend-labs/labs/a14-api-versions"
)

// sharedCache keeps public answers for a minute, under their URL and what they vary by (RFC 9111).
type sharedCache struct {
	behind http.Handler
	kept   []kept
}

type kept struct {
	url    string
	varies map[string]string
	until  time.Time
	answer answer
}

// words are the elements of a header that is a list, in small letters.
func words(h http.Header, name string) (all []string) {
	for w := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
		if w = strings.ToLower(strings.TrimSpace(w)); w != "" {
			all = append(all, w)
		}
	}
	return all
}

func (c *sharedCache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, k := range c.kept {
		hit := k.url == r.URL.String() && time.Now().Before(k.until)
		for name, v := range k.varies {
			hit = hit && r.Header.Get(name) == v
		}
		if hit {
			k.answer.header.Set("Age", "1")
			c.send(w, k.answer)
			return
		}
	}
	rec := httpwire.New()
	c.behind.ServeHTTP(rec.Writer(), r)
	got := answer{rec.Status(), rec.Header(), rec.Body()}
	control := words(got.header, "Cache-Control")
	vary := words(got.header, "Vary")
	if slices.Contains(control, "public") && !slices.Contains(control, "private") &&
		!slices.Contains(control, "no-store") && !slices.Contains(vary, "*") {
		k := kept{r.URL.String(), map[string]string{}, time.Now().Add(time.Minute), got}
		for _, name := range vary {
			k.varies[name] = r.Header.Get(name)
		}
		c.kept = append(c.kept, k)
	}
	c.send(w, got)
}

func (c *sharedCache) send(w http.ResponseWriter, a answer) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

// wantVary demands that an answer varies by these headers.
func wantVary(t *testing.T, did string, got answer, names ...string) {
	t.Helper()
	vary := words(got.header, "Vary")
	for _, name := range names {
		expect.That(t, slices.Contains(vary, strings.ToLower(name)), expect.Message{Did: did,
			Want: name + " in the header Vary", Got: fmt.Sprintf("Vary: %q", got.header.Values("Vary")),
			Why: "a cache that does not know what an answer depends on gives it to others"})
	}
}

func TestASharedCache(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		asked := 0
		core := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			w.Header().Add("Vary", "Accept-Encoding")
			w.Header().Add("Vary", "Accept-Language")
			reply{body: `{"c":"` + r.Header.Get("Accept-Language") + `"}`,
				header: []string{"Cache-Control", "public, max-age=60"}}.send(w)
		})
		cache := &sharedCache{behind: versions.NewGateway(core, all, letters(), nil, byAccount)}
		tl := timeline.New("client", "cache", "core")
		type client struct{ sent, pinned, lang string }
		var clients []client
		for _, lang := range []string{"de", "fr"} {
			for _, version := range all {
				clients = append(clients, client{version, "", lang}, client{"", version, lang})
			}
			clients = append(clients, client{"", "", lang}, client{y2025, y2024, lang})
		}
		for round := range 3 {
			for i := range clients {
				c := clients[(i*5+round)%len(clients)] // 5 and 16 have no common factor: all of them
				version := y2024
				who := "no version " + c.lang
				if c.pinned != "" {
					version, who = c.pinned, "pinned "+c.pinned+" "+c.lang
				}
				if c.sent != "" {
					version, who = c.sent, c.sent+" "+c.lang
				}
				before := asked
				time.Sleep(time.Second)
				tl.Send("client", "cache", "%s", who).Came()
				got := send(cache, "GET", "/x", "", "API-Version", c.sent, "Account-Pinned-To", c.pinned,
					"Accept-Language", c.lang)
				why := "it got what the cache had kept for somebody else, and cannot read it"
				if asked > before {
					tl.Point("core", "is asked")
					why = "that is not its version, or not its language, cache or no cache"
				}
				answered := tl.Send("cache", "client", "%s", strings.TrimSpace(got.body))
				want := fmt.Sprintf(`{"%s":%q}`, letterOf[version], c.lang)
				ok := got.status == 200 && same(got.body, want)
				if !ok {
					answered.Breaks()
				}
				answered.Came()
				did := "GET /x through a shared cache: " + who
				expect.That(t, ok, expect.Message{Did: did, Want: "200: " + want, Got: got.String(),
					Why: why, Picture: tl})
				wantVary(t, did, got, "API-Version", "Accept-Language", "Accept-Encoding")
				if c.sent != "" && round > 0 {
					expect.That(t, asked == before, expect.Message{Did: did + ", once more",
						Want: "the cache answers: the core has said that it may, for a minute",
						Got:  fmt.Sprintf("the core was asked; Cache-Control: %q", got.header.Values("Cache-Control")),
						Why:  "without the cache the core has to carry what the cache has carried", Picture: tl})
				}
			}
		}
	})
}

func TestWhoMayKeepIt(t *testing.T) {
	for _, said := range [][]string{{"public, max-age=60"}, {"public", "s-maxage=60"}, nil, {"no-cache"},
		{"no-store"}, {"private, max-age=5"}, {`max-age=60, private="Set-Cookie"`}} {
		core, h := alphabet(nil)
		for _, value := range said {
			core.reply.header = append(core.reply.header, "Cache-Control", value)
		}
		for _, version := range all {
			got := send(h, "GET", "/x", "", append(in(version), "Account-Pinned-To", y2024)...)
			is := got.header.Values("Cache-Control")
			did := fmt.Sprintf("GET /x in version %s; the core says Cache-Control: %q", version, said)
			expect.That(t, slices.Equal(words(got.header, "Cache-Control"),
				words(http.Header{"Cache-Control": said}, "Cache-Control")), expect.Message{Did: did,
				Want: "the same", Got: fmt.Sprintf("Cache-Control: %q", is),
				Why: "Vary tells the caches all that they need, and what may be kept the core knows best"})
			wantAnswer(t, did, got, 200, `{"`+letterOf[version]+`":1}`, "")
		}
		for _, pinned := range []string{y2024, y2025, y2026, "2023-01-01", ""} {
			for _, body := range []string{"", `{"c":`} {
				got := send(h, "POST", "/x", body, "Account-Pinned-To", pinned)
				control := words(got.header, "Cache-Control")
				expect.That(t, (slices.Contains(control, "private") || slices.Contains(control, "no-store")) &&
					!slices.Contains(control, "public"), expect.Message{
					Did: fmt.Sprintf("POST /x without API-Version, pinned to %q; the core says "+
						"Cache-Control: %q", pinned, said),
					Want: "Cache-Control: private or no-store, and not public",
					Got:  fmt.Sprintf("%d, Cache-Control: %q", got.status, got.header.Values("Cache-Control")),
					Why: "no cache can see what a client is pinned to: to it, all clients without the header are " +
						"the same"})
			}
		}
	}
	bubble.Run(t, func(t *testing.T) {
		life := map[string]versions.Lifecycle{y2024: {SunsetAt: time.Now().Add(-time.Hour)}}
		core, h := alphabet(life)
		for _, tt := range []struct {
			did    string
			status int
			got    answer
		}{
			{"GET /x in an unknown version", 400, send(h, "GET", "/x", "", in("x")...)},
			{"GET /x in a version that has ended", 410, send(h, "GET", "/x", "", in(y2024)...)},
			{"POST /x with half a JSON value", 400, send(h, "POST", "/x", `{"b":`, in(y2025)...)},
			{"POST /x in the newest version", 200, send(h, "POST", "/x", `{"c":1}`, in(y2026)...)},
			{"POST /x without a version", 410, send(h, "POST", "/x", `{"c":1}`)},
		} {
			expect.That(t, tt.got.status == tt.status, expect.Message{Did: tt.did, Want: fmt.Sprint(tt.status),
				Got: tt.got.String()})
			wantVary(t, tt.did, tt.got, "API-Version")
		}
		core.reply.header = []string{"Cache-Control", "public, max-age=60"}
		broken := versions.Change{Version: y2025, Down: func(any) (any, error) { return nil, io.ErrUnexpectedEOF }}
		failing := versions.NewGateway(core, all, append(letters(), broken), nil, byAccount)
		for _, tt := range []struct {
			did    string
			status int
			got    answer
		}{
			{"GET /x without a version, and the oldest one has ended", 410, send(h, "GET", "/x", "")},
			{"GET /x, pinned to a version that has ended", 410, send(h, "GET", "/x", "", "Account-Pinned-To", y2024)},
			{"GET /x without a version, and a Down returns an error", 500, send(failing, "GET", "/x", "")},
		} {
			control := words(tt.got.header, "Cache-Control")
			expect.That(t, tt.got.status == tt.status && !slices.Contains(control, "public") &&
				(slices.Contains(control, "private") || slices.Contains(control, "no-store")), expect.Message{Did: tt.did,
				Want: fmt.Sprintf("%d, Cache-Control: private or no-store", tt.status),
				Got:  fmt.Sprintf("%d, Cache-Control: %q", tt.got.status, tt.got.header.Values("Cache-Control")),
				Why: "a cache may keep a 410 without being told to, and give it to those who are pinned to a " +
					"version that lives"})
		}
		core.reply.header = nil
		core.reply.header = []string{"Vary", "api-version"}
		wantVary(t, "GET /x; the core says Vary: api-version", send(h, "GET", "/x", "", in(y2026)...),
			"API-Version")
	})
}
