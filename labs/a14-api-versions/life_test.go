package versions_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	versions "github.com/backend-labs/backend-labs/labs/a14-api-versions"
)

var (
	deprecated = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	berlin     = time.FixedZone("CET", 3600)
	sunset     = time.Date(2027, 1, 1, 0, 30, 0, 0, berlin) // still the old year in GMT
)

const docs = "https://shop.example/upgrade?from=2024"

// wantHeader demands one header with that value, or none if it is "".
func wantHeader(t *testing.T, did string, got answer, name, want, why string) {
	t.Helper()
	is := got.header.Values(name)
	ok, says := len(is) == 0, "no header "+name
	if want != "" {
		ok, says = slices.Equal(is, []string{want}), "the header "+name+": "+want
	}
	expect.That(t, ok, expect.Message{Did: did, Want: says, Got: fmt.Sprintf("%s: %q", name, is), Why: why})
}

// wantDocs demands a link to that page as the one about the deprecation, or none if it is "".
func wantDocs(t *testing.T, did string, got answer, page, why string) {
	t.Helper()
	var pages []string
	for _, link := range strings.Split(strings.Join(got.header.Values("Link"), ","), ",") {
		target, params, _ := strings.Cut(strings.TrimSpace(link), ">")
		params = strings.ReplaceAll(strings.ReplaceAll(params, `"`, ""), " ", "")
		if slices.Contains(strings.Split(params, ";"), "rel=deprecation") {
			pages = append(pages, strings.TrimPrefix(target, "<"))
		}
	}
	want, says := []string(nil), `no Link with rel="deprecation"`
	if page != "" {
		want, says = []string{page}, fmt.Sprintf(`Link: <%s>; rel="deprecation"`, page)
	}
	expect.That(t, slices.Equal(pages, want), expect.Message{Did: did, Want: says,
		Got: fmt.Sprintf("Link: %q", got.header.Values("Link")), Why: why})
}

func TestTheEndIsAnnounced(t *testing.T) {
	const (
		dates = "programs read it: RFC 9745 has seconds since 1970 after an @, RFC 8594 an HTTP-date in GMT"
		none  = "nobody has decided that yet"
	)
	bubble.Run(t, func(t *testing.T) { // in the year 2000: all of that lies ahead
		core, h := alphabet(map[string]versions.Lifecycle{
			y2024: {DeprecatedAt: deprecated, SunsetAt: sunset, Docs: docs},
			y2025: {DeprecatedAt: deprecated.In(berlin)},
		})
		core.reply.header = []string{"Link", `</x?page=2>; rel="next"`, "Link", `</x?page=9>; rel="last"`}
		for _, wait := range []time.Duration{0, time.Until(deprecated.Add(time.Hour))} {
			time.Sleep(wait)
			now := time.Now().Format(time.DateOnly)
			for _, path := range []string{"/x", "/broken"} {
				core.reply.status = map[string]int{"/broken": 503}[path]
				for _, how := range [][]string{in(y2024), {"Account-Pinned-To", y2024}, nil} {
					did := fmt.Sprintf("GET %s in version %s on %s, with %q", path, y2024, now, how)
					got := send(h, "GET", path, "", how...)
					wantHeader(t, did, got, "Deprecation", fmt.Sprint("@", deprecated.Unix()), dates)
					wantHeader(t, did, got, "Sunset", "Thu, 31 Dec 2026 23:30:00 GMT", dates)
					wantDocs(t, did, got, docs, "whoever finds the header in a log wants to know what to do")
					links := strings.Join(got.header.Values("Link"), ",") // on one line or on two
					both := strings.Contains(links, core.reply.header[1]) && strings.Contains(links, core.reply.header[3])
					expect.That(t, both,
						expect.Message{Did: did, Want: "the core's two Links beside it",
							Got: fmt.Sprintf("Link: %q", got.header.Values("Link")),
							Why: "by that one the client finds the next page"})
				}
				did := fmt.Sprintf("GET %s in version %s on %s, which is deprecated, without Docs or a sunset",
					path, y2025, now)
				got := send(h, "GET", path, "", in(y2025)...)
				wantHeader(t, did, got, "Deprecation", fmt.Sprint("@", deprecated.Unix()), dates)
				wantHeader(t, did, got, "Sunset", "", none)
				wantDocs(t, did, got, "", none)

				did = fmt.Sprintf("GET %s in version %s on %s, which nobody wants to end", path, y2026, now)
				got = send(h, "GET", path, "", in(y2026)...)
				wantHeader(t, did, got, "Deprecation", "", none)
				wantHeader(t, did, got, "Sunset", "", none)
				wantDocs(t, did, got, "", none)
			}
		}
		core.reply.status = 0
		got := send(h, "POST", "/x", `{"a":`, in(y2024)...)
		did := request("POST", "/x", `{"a":`, y2024)
		wantProblem(t, did, got, 400, "")
		wantHeader(t, did, got, "Deprecation", fmt.Sprint("@", deprecated.Unix()),
			"a client that makes mistakes is no less in need of the news")

		_, h = alphabet(map[string]versions.Lifecycle{y2026: {DeprecatedAt: deprecated, SunsetAt: sunset, Docs: docs}})
		got = send(h, "GET", "/x", "", in(y2026)...)
		did = "GET /x in the newest version, which has a Lifecycle"
		wantAnswer(t, did, got, 200, `{"c":1}`, "")
		wantHeader(t, did, got, "Deprecation", fmt.Sprint("@", deprecated.Unix()), dates)
		wantHeader(t, did, got, "Sunset", "Thu, 31 Dec 2026 23:30:00 GMT", dates)
		wantDocs(t, did, got, docs, "what is not translated is announced all the same")

		_, h = alphabet(map[string]versions.Lifecycle{y2024: {SunsetAt: sunset}, y2025: {Docs: docs}})
		got = send(h, "GET", "/x", "", in(y2024)...)
		did = "GET /x in a version of which only the sunset is known"
		wantAnswer(t, did, got, 200, `{"a":1}`, "")
		wantHeader(t, did, got, "Sunset", "Thu, 31 Dec 2026 23:30:00 GMT", dates)
		wantHeader(t, did, got, "Deprecation", "", none)
		wantDocs(t, did, got, "", none)
		got = send(h, "GET", "/x", "", in(y2025)...)
		did = "GET /x in a version of which only the Docs are known"
		wantDocs(t, did, got, docs, "the page is there, also before a date is set")
		wantHeader(t, did, got, "Deprecation", "", none)
		wantHeader(t, did, got, "Sunset", "", none)
	})
}

func TestAfterItsSunset(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		begin := time.Now()
		end := begin.Add(24 * time.Hour)
		core, h := alphabet(map[string]versions.Lifecycle{
			y2024: {DeprecatedAt: begin, SunsetAt: end, Docs: docs}, y2025: {DeprecatedAt: begin},
		})
		tl := timeline.New("clock", "client", "gateway", "core")
		ask := func(who string, header ...string) answer {
			what := tl.Send("client", "gateway", "GET /x, %s", who)
			what.Came()
			got := send(h, "GET", "/x", "", header...)
			core.mu.Lock()
			n := len(core.asked)
			core.mu.Unlock()
			if n > 0 {
				tl.Point("core", "is asked")
			}
			tl.Send("gateway", "client", "%d", got.status).Came()
			return got
		}
		tl.Holds("clock", "before the sunset")
		time.Sleep(24*time.Hour - time.Millisecond)
		got := ask(y2024, in(y2024)...)
		wantAnswer(t, "GET /x, a millisecond before the sunset of its version", got, 200, `{"a":1}`,
			"the date that was announced is a promise")
		core.take()
		time.Sleep(time.Millisecond)
		got = ask(y2024, in(y2024)...)
		wantAnswer(t, "GET /x, just at the sunset of its version", got, 200, `{"a":1}`,
			"after SunsetAt is not at SunsetAt")
		core.take()
		time.Sleep(time.Millisecond)
		tl.Holds("clock", "after the sunset of %s", y2024)
		for range 2 {
			for _, who := range []struct {
				name   string
				header []string
			}{
				{"in " + y2024, in(y2024)}, {"pinned to " + y2024, []string{"Account-Pinned-To", y2024}},
				{"no version", nil},
			} {
				did := "GET /x, " + who.name + ", after the sunset of " + y2024
				got := ask(who.name, who.header...)
				_, n := core.take()
				if got.status != 410 || n != 0 {
					tl.Point("client", "wanted 410").Breaks()
				}
				expect.That(t, got.status == 410 && n == 0, expect.Message{Did: did,
					Want: "a 410 problem, and the core is not asked",
					Got:  fmt.Sprintf("%v, and the core was asked %d times", got, n),
					Why: "a client that is silently served another shape breaks without knowing why; one that " +
						"is served for ever never moves", Picture: tl})
				wantProblem(t, did, got, 410, "")
				wantEcho(t, did, got, y2024)
				wantDocs(t, did, got, docs, "those who have not seen it coming are the ones who need the page")
			}
			did := request("POST", "/x", `{"a":`, y2024) + ", after its sunset"
			wantProblem(t, did, send(h, "POST", "/x", `{"a":`, in(y2024)...), 410,
				"whoever mends the request is told only then that nobody reads it any more")
			for _, version := range []string{y2025, y2026} {
				wantAnswer(t, "GET /x in version "+version+", after the sunset of another one",
					ask(version, in(version)...), 200, `{"`+letterOf[version]+`":1}`, "it has no end yet")
			}
			core.take()
			time.Sleep(20 * 365 * 24 * time.Hour)
		}
		core, h = alphabet(map[string]versions.Lifecycle{y2026: {SunsetAt: end}})
		const did = "GET /x in the newest version, after its sunset"
		const why = "that there is no newer one yet prolongs nothing"
		wantProblem(t, did, send(h, "GET", "/x", "", in(y2026)...), 410, why)
		wantNotAsked(t, did, core, why)
	})
}

func TestALifecycleThatCannotBe(t *testing.T) {
	refused := func(life map[string]versions.Lifecycle) (yes bool, h http.Handler) {
		defer func() { yes = recover() != nil }()
		_, h = alphabet(life)
		return
	}
	for _, tt := range []struct {
		did  string
		life versions.Lifecycle
		bad  bool
	}{
		{"ends a day before it is deprecated", versions.Lifecycle{DeprecatedAt: deprecated,
			SunsetAt: deprecated.Add(-24 * time.Hour)}, true},
		{"ends a second before it is deprecated", versions.Lifecycle{DeprecatedAt: deprecated,
			SunsetAt: deprecated.Add(-time.Second).In(berlin)}, true},
		{"ends half a second before it is deprecated, in the same second", versions.Lifecycle{
			DeprecatedAt: deprecated.Add(800 * time.Millisecond), SunsetAt: deprecated.Add(300 * time.Millisecond)}, true},
		{"ends when it is deprecated", versions.Lifecycle{DeprecatedAt: deprecated,
			SunsetAt: deprecated.In(berlin)}, false},
		{"is deprecated, and has no end", versions.Lifecycle{DeprecatedAt: deprecated}, false},
		{"ends, and is not deprecated", versions.Lifecycle{SunsetAt: deprecated}, false},
		{"ends in its own time zone", versions.Lifecycle{DeprecatedAt: deprecated,
			SunsetAt: time.Date(2025, 12, 31, 23, 0, 0, 0, time.FixedZone("", -5*3600))}, false},
	} {
		bubble.Run(t, func(t *testing.T) {
			for _, version := range all {
				did := fmt.Sprintf("NewGateway with a version %s that %s", version, tt.did)
				yes, h := refused(map[string]versions.Lifecycle{version: tt.life,
					"2023-01-01": {DeprecatedAt: deprecated, SunsetAt: sunset}})
				want, got := "a gateway", "a gateway"
				if tt.bad {
					want = "a panic"
				}
				if yes {
					got = "a panic"
				}
				expect.That(t, yes == tt.bad, expect.Message{Did: did, Want: want, Got: got,
					Why: "RFC 9745: the sunset is not before the deprecation; a mistake in a date is noticed at " +
						"start, or by those who were cut off"})
				if !tt.bad {
					wantAnswer(t, did+", and GET /x in it", send(h, "GET", "/x", "", in(version)...), 200,
						`{"`+letterOf[version]+`":1}`, "")
				}
			}
		})
	}
}
