package shop_test

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// private are addresses that are not public, the first and the last of each kind.
var private = []string{
	"127.0.0.1", "127.0.0.0", "127.255.255.255", "::1",
	"10.0.0.1", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255",
	"fc00::1", "fdff:ffff::1",
	metadata, "169.254.0.0", "169.254.255.255", "fe80::1", "febf::1", "fe80::1%eth0", "fd00::1%eth0",
	"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1",
	"0.0.0.0", "::", "0.1.2.3", "0.255.255.255",
	"100.64.0.0", "100.100.100.200", "100.127.255.255",
	"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:192.168.1.1", "::ffff:169.254.169.254",
	"::ffff:0.1.2.3", "::ffff:0.0.0.0", "::ffff:100.64.0.1", "::ffff:224.0.0.1",
}

// public are their neighbours.
var public = []string{
	"93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
	"126.255.255.255", "128.0.0.1", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0",
	"192.167.255.255", "192.169.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255", "1.0.0.1",
	"100.63.255.255", "100.128.0.0", "::ffff:93.184.215.14", "2001:4860:4860::8888",
}

func isPrivate(addr string) bool {
	host := addr[:strings.LastIndex(addr, ":")]
	ip := netip.MustParseAddr(strings.Trim(host, "[]"))
	return slices.ContainsFunc(private, func(p string) bool {
		return netip.MustParseAddr(p).Unmap() == ip.Unmap()
	})
}

const whyInside = "the request comes from inside, where nobody asks for a password: the " +
	"database, the admin's pages, and at " + metadata + " the machine's own credentials"

// hook adds a webhook as mallory.
func (s *site) hook(to string) answer {
	s.t.Helper()
	s.net.reached()
	if s.tl != nil {
		s.tl.Clear()
		s.tl.Send("mallory", "the shop", "POST /webhooks %s", shorten(to)).Came()
	}
	got := s.do("mallory", "POST /webhooks", fmt.Sprintf(`{"url":%q}`, to))
	s.tl.Point("the shop", "%d", got.status)
	return got
}

// wantRefused demands that nothing was connected to that must not be, and that nothing is stored.
func wantRefused(t *testing.T, s *site, to, what string, may func(addr string) bool) {
	t.Helper()
	got := s.hook(to)
	dialled, _ := s.net.reached()
	bad := slices.ContainsFunc(dialled, func(a string) bool { return !may(a) })
	did := "added the webhook " + to + what
	if bad && s.tl != nil {
		s.tl.Point("the network", "it was inside").Breaks()
	}
	expect.That(t, !bad && got.status == 422, expect.Message{
		Did:     did,
		Want:    "422, and no connection to there",
		Got:     fmt.Sprintf("%s; connections to %v", got, dialled),
		Why:     whyInside,
		Picture: s.tl,
	})
	stored := pg.Count(t, s.own, `SELECT count(*) FROM webhooks WHERE url = $1`, to)
	expect.That(t, stored == 0, expect.Message{
		Did: did, Want: "422, and nothing stored", Got: "a row in webhooks",
		Why: "the next event would go there"})
}

// wantHook demands that a webhook is called once, and stored.
func wantHook(t *testing.T, s *site, to, arrives string) {
	t.Helper()
	before := pg.Count(t, s.own, `SELECT count(*) FROM webhooks WHERE user_id = 3 AND url = $1`, to)
	got := s.hook(to)
	_, calls := s.net.reached()
	stored := pg.Count(t, s.own, `SELECT count(*) FROM webhooks WHERE user_id = 3 AND url = $1`, to)
	once := len(calls) == 1 && strings.HasPrefix(calls[0], "POST ") &&
		strings.Contains(calls[0], arrives)
	expect.That(t, got.status == 201 && once && stored == before+1, expect.Message{
		Did:     "added the webhook " + to,
		Want:    "201, one POST to " + arrives + ", and the row stored",
		Got:     fmt.Sprintf("%s; calls %q; rows %d", got, calls, stored-before),
		Why:     "secure and useless: it is public, and what webhooks are for",
		Picture: s.tl,
	})
}

func drawn(t *testing.T) *site {
	t.Helper()
	return openDrawn(t, timeline.New("mallory", "the shop", "the network"))
}

func never(string) bool { return false }

func bracketed(addr string) string {
	if strings.Contains(addr, ":") {
		return "[" + strings.ReplaceAll(addr, "%", "%25") + "]"
	}
	return addr
}

func TestWebhooksLeadOutsideOnly(t *testing.T) {
	s := drawn(t)
	for _, addr := range private {
		wantRefused(t, s, "https://"+bracketed(addr)+"/hook", "", never)
		s.net.name("a.hooks.example", addr)
		wantRefused(t, s, "https://a.hooks.example/hook", ", which resolves to "+addr, never)
	}
	for _, host := range []string{"localhost", "2130706433", "0x7f.1", "LOCALHOST",
		metadata + ":8443"} {
		wantRefused(t, s, "https://"+host+"/hook", "", never)
	}
	for _, addr := range public {
		wantHook(t, s, "https://"+bracketed(addr)+"/hook", netip.MustParseAddr(addr).Unmap().String())
		s.net.name("a.hooks.example", addr)
		wantHook(t, s, "https://a.hooks.example/hook", "a.hooks.example/hook")
	}
	wantHook(t, s, "https://hooks.example/hook", "hooks.example/hook")
	wantHooksAtOnce(t, s)
}

// wantHooksAtOnce demands that webhooks that are added at the same moment are all called.
func wantHooksAtOnce(t *testing.T, s *site) {
	t.Helper()
	s.net.reached()
	s.tl.Clear()
	got := make([]answer, manyMeet)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			got[i], _ = s.try(request("mallory", "POST /webhooks", strings.NewReader(`{"url":"https://hooks.example/meet"}`)))
		})
	}
	wg.Wait()
	_, calls := s.net.reached()
	expect.That(t, statuses(got) == "201 201 201 201" && len(calls) == manyMeet, expect.Message{
		Did:  fmt.Sprintf("added the webhook https://hooks.example/meet %d times at the same moment", manyMeet),
		Want: "201 each time, and as many POSTs",
		Got:  fmt.Sprintf("%s; calls %q", statuses(got), calls),
		Why:  "secure and useless: the API serves many at once",
	})
}

func TestWebhooksSpeakHTTPSOnly(t *testing.T) {
	s := drawn(t)
	for _, to := range []string{"http://hooks.example/hook", "HTTP://hooks.example/",
		"http://hooks.example:443/hook", "ftp://hooks.example/", "file:///etc/passwd",
		"gopher://hooks.example/", "//hooks.example/", "hooks.example", "/hook", "", "https:hooks",
		"https://", "https:///hook", "javascript:alert(1)", "https://hooks.example:x/", "%zz"} {
		wantRefused(t, s, to, "", never)
	}
	wantHook(t, s, "https://hooks.example/hook", "hooks.example/hook")
	wantHook(t, s, "HTTPS://hooks.example/other", "hooks.example/other")
	wantHook(t, s, "https://hooks.example:8443/hook", "hooks.example:8443/hook")
	wantHook(t, s, "https://93.184.215.14:443/hook", "93.184.215.14")
}

func TestEveryAddressOfANameCounts(t *testing.T) {
	s := drawn(t)
	for _, all := range []string{"93.184.215.14 10.0.0.1", "10.0.0.1 93.184.215.14",
		"93.184.215.14 1.0.0.1 ::1", "1.0.0.1 " + metadata + " 93.184.215.14"} {
		s.net.name("a.hooks.example", all)
		wantRefused(t, s, "https://a.hooks.example/hook", ", whose name has the addresses "+all,
			never)
	}
	wantNoRebinding(t, s)
	s.net.name("a.hooks.example", "93.184.215.14 1.0.0.1 2001:4860:4860::8888")
	wantHook(t, s, "https://a.hooks.example/hook", "a.hooks.example/hook")
}

// wantNoRebinding demands that a name gets nowhere by changing its mind.
func wantNoRebinding(t *testing.T, s *site) {
	t.Helper()
	for _, inside := range []string{metadata, "10.0.0.1", "::1"} {
		for public := 1; public <= 3; public++ {
			answers := slices.Repeat([]string{"93.184.215.14"}, public)
			s.net.name("a.hooks.example", append(answers, inside)...)
			got := s.hook("https://a.hooks.example/hook")
			dialled, _ := s.net.reached()
			bad := slices.ContainsFunc(dialled, isPrivate)
			if bad {
				s.tl.Point("the network", "it was inside").Breaks()
			}
			expect.That(t, !bad && (got.status == 201 || got.status == 422), expect.Message{
				Did: fmt.Sprintf("added the webhook https://a.hooks.example/hook, whose name "+
					"resolves %d times to 93.184.215.14, and from then on to %s", public, inside),
				Want: "201 or 422, and no connection to " + inside,
				Got:  fmt.Sprintf("%s; connections to %v", got, dialled),
				Why: "a name is its owner's, and may be another address a moment later: a " +
					"look at one answer says nothing about the next",
				Picture: s.tl,
			})
		}
	}
}

func TestRedirectsLeadOutsideOnly(t *testing.T) {
	s := drawn(t)
	s.net.name("in.hooks.example", "10.0.0.1")
	s.net.name("mixed.hooks.example", "93.184.215.14 10.0.0.1")
	outside := func(addr string) bool { return !isPrivate(addr) && strings.HasSuffix(addr, ":443") }
	for _, to := range []string{"https://" + metadata + "/", "https://[::1]/", "https://127.0.0.1/",
		"https://in.hooks.example/", "https://mixed.hooks.example/in", "http://" + metadata + "/",
		"http://hooks.example/", "http://93.184.215.14/", "//10.0.0.1/", "https://[::ffff:10.0.0.1]/",
		"https://2130706433/"} {
		for _, status := range []string{"302", "307", "301", "303", "308"} {
			wantRefused(t, s, redirect(to, status), "", outside)
		}
		wantRefused(t, s, redirect(redirect(to, "307"), "307"), "", outside)
	}
	got := s.hook("https://hooks.example/round")
	_, calls := s.net.reached()
	expect.That(t, got.status == 422 && len(calls) < manyTurns, expect.Message{
		Did:  "added the webhook https://hooks.example/round, which redirects to itself",
		Want: "422, in the end: it is never answered with 2xx",
		Got:  fmt.Sprintf("%d redirects followed, and then the check has ended it", len(calls)),
		Why: "a redirect in a circle holds the request, and what it has, for as long as somebody else likes; a hundred of " +
			"them, and nobody else is served",
	})
	got = s.hook(redirect("https://hooks.example/hook", "307"))
	expect.That(t, got.status == 201 || got.status == 422, expect.Message{
		Did:  "added a webhook that redirects to another public address",
		Want: "201 or 422: whether redirects are followed is up to you",
		Got:  got.String(),
		Why:  "it is a mistake of the caller at worst",
	})
	wantHook(t, s, "https://hooks.example/hook", "hooks.example/hook")
}

// redirect is a URL on a public host that redirects there.
func redirect(to, status string) string {
	return "https://hooks.example/r?status=" + status + "&to=" + url.QueryEscape(to)
}

func TestARefusalDoesNotSayWhy(t *testing.T) {
	s := drawn(t)
	s.net.name("in.hooks.example", "10.0.0.1")
	s.net.name("empty.hooks.example", "")
	fails := s.hook("https://hooks.example/fails")
	for _, to := range []string{"https://down.example/", "https://nosuchname.example/",
		"https://10.0.0.1/", "https://in.hooks.example/", "https://localhost/", "http://hooks.example/",
		"https://127.0.0.1:5432/", redirect("https://10.0.0.1/", "307"), "ftp://x/",
		"https://hooks.example/answers/300", "https://hooks.example/answers/304", "https://hooks.example/answers/404",
		"https://empty.hooks.example/"} {
		got := s.hook(to)
		expect.That(t, got.status == 422 && got.same(fails), expect.Message{
			Did: "added the webhook " + to + ", and https://hooks.example/fails, which is public and " +
				"answers 500",
			Want: "422 for both, the same in every byte",
			Got:  fmt.Sprintf("%s; for the other %s", got, fails),
			Why: "\"connection refused\", \"no such host\" and \"not allowed\" are a map of your " +
				"network for whoever asks often enough",
		})
	}
	stored := pg.Count(t, s.own, `SELECT count(*) FROM webhooks`)
	expect.That(t, stored == 0, expect.Message{
		Did: "added webhooks that cannot be reached or answer 500", Want: "none stored",
		Got: fmt.Sprintf("%d stored", stored), Why: "the next events would go there"})
	for _, code := range []string{"200", "201", "202", "204", "299"} {
		wantHook(t, s, "https://hooks.example/answers/"+code, "hooks.example/answers/"+code)
	}
}
