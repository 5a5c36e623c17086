package fairshare_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	fairshare "github.com/backend-labs/backend-labs/labs/i10-noisy-neighbor"
)

// with is a client whose requests have headers. Of a name that comes twice there are two lines.
func with(c caller, header ...string) caller {
	return func() *http.Request {
		r := c()
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Add(header[i], header[i+1])
		}
		return r
	}
}

// via is a request that came through the proxy at that address, with lines of X-Forwarded-For.
func via(proxy string, lines ...string) caller {
	return func() *http.Request {
		r := at(proxy)()
		r.Header["X-Forwarded-For"] = lines
		return r
	}
}

// describe is a request for a message.
func describe(r *http.Request) string {
	var b strings.Builder
	if id := fairshare.Principal(r.Context()); id != "" {
		fmt.Fprintf(&b, "the principal %q, ", id)
	}
	host, _, _ := strings.Cut(strings.ReplaceAll(r.RemoteAddr, "]:", "] "), " ")
	if !strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host, ":")
	}
	fmt.Fprintf(&b, "from %s", host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, line := range r.Header[name] {
			if len(line) > 200 {
				line = fmt.Sprintf("%s… (%d bytes)", line[:100], len(line))
			}
			fmt.Fprintf(&b, ", %s: %s", name, line)
		}
	}
	return b.String()
}

// same demands that two requests are of one client, or that they are not: by their keys, and by
// what happens to the second when the first has taken the only token.
func same(t *testing.T, a, b caller, want bool, why string) {
	t.Helper()
	did := fmt.Sprintf("made two requests: %s; and %s. Trusted are %v", describe(a()), describe(b()),
		proxies)
	text := map[bool]string{true: "one client", false: "two clients"}
	keyA, keyB := fairshare.ClientKey(a(), proxies), fairshare.ClientKey(b(), proxies)
	expect.That(t, (keyA == keyB) == want, expect.Message{Did: did,
		Want: text[want] + " for ClientKey", Got: fmt.Sprintf("the keys are %q and %q", keyA, keyB),
		Why: why})
	o := options()
	o.Rate, o.Burst = 0.001, 1
	h := protected(o)
	first, second := send(h, a()).status, send(h, b()).status
	wanted := map[bool]int{true: 429, false: 200}[want]
	expect.That(t, first == 200 && second == wanted, expect.Message{Did: did + ", with a Burst of 1",
		Want: fmt.Sprintf("200, then %d: they are %s", wanted, text[want]),
		Got:  fmt.Sprintf("%d, then %d", first, second), Why: why})
}

func TestAPrincipalIsOneClient(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const home, work = "203.0.113.7", "198.51.100.7"
		same(t, by("alice", home), by("alice", work), true,
			"whoever is known has one share, from however many addresses the requests come")
		same(t, by("alice", home), with(by("alice", "10.0.0.1"), "X-Forwarded-For", work), true,
			"whoever is known has one share, from however many addresses the requests come")
		same(t, by("alice", home), by("bob", home), false,
			"an office has one address and many users; one of them would use up the share of all")
		for _, other := range []string{"Alice", "alice ", " alice", "\talice", "al ice", "alice:1", "alic\u0435"} {
			same(t, by("alice", home), by(other, home), false, "these are two names")
		}
		long := strings.Repeat("a tenant of a tenant, ", 50)
		longer := strings.Repeat(long, 100)
		for _, two := range [][2]string{{long + "1", long + "2"}, {"\xff", "\xfe"}, {"a\nb", "ab"}, {"a\nb", "a b"},
			{"a\x00b", "a"}, {"\u00e9", "e\u0301"}, {longer + "1", longer + "2"}, {"a\nb", "a\nc"}, {"a%20b", "a b"},
			{"a+1@b.example", "a+2@b.example"}, {"a/", "a"}, {"2001:db8::7", "2001:db8:0::7"}} {
			twoNames(t, two[0], two[1])
		}
		same(t, by(" ", home), at(home), false, "a name of a space is a name")
		same(t, by("alice", home), at(home), false,
			"somebody at the same address who has not logged in would use up her share")
		whatever := "whoever may choose a name could choose an address, and use up somebody's share"
		for _, addr := range []string{home, "2001:db8::7"} {
			key := fairshare.ClientKey(at(addr)(), proxies)
			for _, id := range []string{addr, key, strings.TrimSuffix(key, addr), "ip:" + addr,
				peer(addr, 10_001), strings.TrimPrefix(key, "address ")} {
				if id != "" {
					same(t, by(id, work), at(addr), false, whatever)
				}
			}
		}
		namesOfManyKinds(t)
	})
}

// twoNames demands that two principals are two clients.
func twoNames(t *testing.T, a, b string) {
	t.Helper()
	key := func(id string) string { return fairshare.ClientKey(by(id, "203.0.113.7")(), proxies) }
	expect.That(t, key(a) != key(b), expect.Message{
		Did:  fmt.Sprintf("made a request by the principal %s and one by the principal %s", short(a), short(b)),
		Want: "two keys", Got: "one", Why: "these are two names, and an authenticator has told them apart"})
}

// namesOfManyKinds has names that are keys themselves, and so many of them that short hashes meet.
func namesOfManyKinds(t *testing.T) {
	t.Helper()
	key := func(c caller) string { return fairshare.ClientKey(c(), proxies) }
	first := key(at("203.0.113.7"))
	second := key(by(first, "203.0.113.7"))
	twoNames(t, first, second)
	twoNames(t, second, key(by(second, "203.0.113.7")))
	const many = 200_000
	keys, random := make(map[string]bool, many), rand.New(rand.NewPCG(1, 2))
	r := at("203.0.113.7")()
	for range many {
		id := fmt.Sprintf("%016x", random.Uint64())
		keys[fairshare.ClientKey(r.WithContext(fairshare.WithPrincipal(r.Context(), id)), proxies)] = true
	}
	expect.That(t, len(keys) == many, expect.Message{
		Did:  fmt.Sprintf("asked for the keys of %d principals", many),
		Want: fmt.Sprintf("%d keys", many), Got: fmt.Sprintf("%d", len(keys)),
		Why: "two customers whose names meet in a short hash share one bucket, and whoever may choose a name " +
			"finds one that meets another's in seconds"})
}

// short is a name for a message.
func short(name string) string {
	if len(name) <= 40 {
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("%q… (%d bytes, the last of them %q)", name[:40], len(name), name[len(name)-1:])
}

func TestAnAddressIsOneClient(t *testing.T) {
	const many, few = "every new connection would be a new client, with a full bucket",
		"two customers would share what is meant for one"
	const network = "a home or a rented machine has a whole /64, so its owner could send each " +
		"request from another address"
	virtual(t, func(t *testing.T) {
		same(t, at("203.0.113.7"), at("203.0.113.7"), true, many)
		same(t, at("2001:db8::7"), at("2001:db8::7"), true, many)
		same(t, at("203.0.113.7"), at("203.0.113.8"), false, few)
		same(t, at("203.0.113.7"), at("203.0.112.7"), false, few)
		same(t, at("2001:db8::7"), at("2001:db8::8"), true, network)
		same(t, at("2001:db8::"), at("2001:db8::ffff:ffff:ffff:ffff"), true, network)
		same(t, at("2001:db8::1"), at("2001:db8:0:1::1"), false, few)
		same(t, at("2001:db8:0:fffe::1"), at("2001:db8:0:ffff::1"), false, few)
		same(t, at("::ffff:203.0.113.7"), at("203.0.113.7"), true,
			"a server that listens for both kinds of addresses sees IPv4 ones in this form")
		same(t, at("::ffff:203.0.113.7"), at("::ffff:203.0.113.8"), false, few)
		same(t, at("64:ff9b::203.0.113.7"), at("64:ff9b::198.51.100.1"), true, network)
		same(t, at("64:ff9b::203.0.113.7"), at("203.0.113.7"), false, few)
		same(t, at("::203.0.113.7"), at("203.0.113.7"), false, few)
	})
}

func TestWhatAClientWritesIsNotBelieved(t *testing.T) {
	virtual(t, func(t *testing.T) {
		forged := []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "X-Client-IP",
			"CF-Connecting-IP", "Authorization", "Cookie", "User-Agent", "X-API-Key"}
		for _, name := range forged {
			for _, value := range []string{"198.51.100.1", "for=198.51.100.1"} {
				same(t, at("203.0.113.9"), with(at("203.0.113.9"), name, value), true,
					"anybody can write that line, with another value each time, and be a new client "+
						"with each request")
				if name == forged[0] {
					continue
				}
				same(t, via("10.0.0.1", "203.0.113.9"), with(via("10.0.0.1", "203.0.113.9"), name,
					value), true, "a proxy passes on what it does not know, so this line is from the client")
				same(t, at("10.0.0.1"), with(at("10.0.0.1"), name, value), true,
					"the proxy has written no X-Forwarded-For, so this line is not from it either")
			}
		}
		same(t, at("203.0.113.9"), with(at("203.0.113.9"), "X-Forwarded-For", "10.0.0.1"), true,
			"the address of a proxy in a header is no proxy")
		for _, inside := range []string{"127.0.0.1", "::1", "192.168.0.1", "172.16.0.1", "169.254.0.1", "fd00::1", "fe80::1",
			"100.64.0.1", "11.0.0.1"} {
			same(t, at(inside), via(inside, "203.0.113.7"), true,
				"who is trusted is said by the options. Whatever else is near may be a stranger's container or notebook")
		}
		same(t, at("2001:db8:bb::2"), via("2001:db8:bb::2", "203.0.113.7"), true,
			"only 2001:db8:bb::1 is trusted there, and not its neighbours")
	})
}

// forwarded are lines of X-Forwarded-For as they come from a trusted proxy, and who the client is.
var forwarded = []struct {
	proxy string
	lines []string
	want  string
	why   string
}{
	{"10.0.0.1", []string{"203.0.113.7"}, "203.0.113.7", whyProxy},
	{"2001:db8:aa::1", []string{"203.0.113.7"}, "203.0.113.7", whyProxy},
	{"2001:db8:bb::1", []string{"203.0.113.7"}, "203.0.113.7", whyProxy},
	{"::ffff:10.0.0.1", []string{"203.0.113.7"}, "203.0.113.7", whyProxy},
	{"10.0.0.1", []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7", whyLeft},
	{"10.0.0.1", []string{"10.0.0.8, 203.0.113.7"}, "203.0.113.7", whyLeft},
	{"10.0.0.1", []string{"198.51.100.1, 203.0.113.7, 10.0.0.9"}, "203.0.113.7", whyLeft},
	{"10.0.0.1", []string{"198.51.100.1, 203.0.113.7, 10.0.0.9, 2001:db8:aa::1"}, "203.0.113.7",
		whyLeft},
	{"10.0.0.1", []string{"203.0.113.7, ::ffff:10.0.0.9"}, "203.0.113.7", whyProxy},
	{"10.0.0.1", []string{"198.51.100.1, 203.0.113.7" + strings.Repeat(", 10.0.0.8", 5000)}, "203.0.113.7", whyAll},
	{"10.0.0.1", []string{"2001:db8:bb::2"}, "2001:db8:bb::2", whyProxy},
	{"10.0.0.1", []string{"198.51.100.1, 192.168.0.7"}, "192.168.0.7", whyPrivate},
	{"10.0.0.1", []string{"192.168.0.7, 10.0.0.9"}, "192.168.0.7", whyPrivate},
	{"10.0.0.1", []string{"198.51.100.1, fd00::7"}, "fd00::7", whyPrivate},
	{"10.0.0.1", []string{"198.51.100.1, 127.0.0.1"}, "127.0.0.1", whyPrivate},
	{"10.0.0.1", []string{"203.0.113.7, 2001:db8:bb::2"}, "2001:db8:bb::2", whyLeft},
	{"10.0.0.1", nil, "10.0.0.1", whyAll},
	{"10.0.0.1", []string{"10.0.0.9"}, "10.0.0.9", whyAll},
	{"10.0.0.1", []string{"10.0.0.8, 10.0.0.9"}, "10.0.0.8", whyAll},
	{"10.0.0.1", []string{"10.0.0.8", "10.0.0.9"}, "10.0.0.8", whyAll},
	{"10.0.0.1", []string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7", whyLines},
	{"10.0.0.1", []string{"203.0.113.7", "10.0.0.9"}, "203.0.113.7", whyLines},
	{"10.0.0.1", []string{"198.51.100.1, 203.0.113.7", "10.0.0.8, 10.0.0.9"}, "203.0.113.7", whyLines},
	{"10.0.0.1", []string{"198.51.100.1", "unknown", "203.0.113.7"}, "203.0.113.7", whyLines},
	{"10.0.0.1", []string{"unknown"}, "10.0.0.1", whyUnknown},
	{"10.0.0.1", []string{"198.51.100.1, unknown"}, "10.0.0.1", whyUnknown},
	{"10.0.0.1", []string{"198.51.100.1, unknown, 10.0.0.9"}, "10.0.0.9", whyUnknown},
	{"10.0.0.1", []string{"198.51.100.1, shop.example, 10.0.0.8, 10.0.0.9"}, "10.0.0.8", whyUnknown},
	{"10.0.0.1", []string{"198.51.100.1, 203.0.113.777"}, "10.0.0.1", whyUnknown},
	{"10.0.0.1", []string{"unknown, 203.0.113.7"}, "203.0.113.7", whyUnknown},
	{"10.0.0.1", []string{"198.51.100.1, 203.0.113.7/32"}, "10.0.0.1", whyUnknown},
	{"10.0.0.1", []string{`198.51.100.1, "203.0.113.7"`}, "10.0.0.1", whyUnknown},
	{"10.0.0.1", []string{"198.51.100.1, for=203.0.113.7, 10.0.0.9"}, "10.0.0.9", whyUnknown},
	{"10.0.0.1", []string{"  203.0.113.7  "}, "203.0.113.7", whyForm},
	{"10.0.0.1", []string{"198.51.100.1,203.0.113.7"}, "203.0.113.7", whyForm},
	{"10.0.0.1", []string{"203.0.113.7:4711"}, "203.0.113.7", whyForm},
	{"10.0.0.1", []string{"203.0.113.7 ,\t10.0.0.9:80"}, "203.0.113.7", whyForm},
	{"10.0.0.1", []string{"2001:db8::7"}, "2001:db8::7", whyForm},
	{"10.0.0.1", []string{"[2001:db8::7]"}, "2001:db8::7", whyForm},
	{"10.0.0.1", []string{"[2001:db8::7]:4711"}, "2001:db8::7", whyForm},
	{"10.0.0.1", []string{"203.0.113.7, [2001:db8:aa::1]:443"}, "203.0.113.7", whyForm},
	{"10.0.0.1", []string{"::ffff:203.0.113.7"}, "203.0.113.7", whyForm},
	{"10.0.0.1", []string{"[::ffff:203.0.113.7]:4711"}, "203.0.113.7", whyForm},
}

const (
	whyProxy = "all clients come through the proxies: whoever does not look behind them has one client"
	whyLeft  = "a proxy adds the address that it saw on the right; what stands further left was " +
		"there before, and the client may have written it"
	whyAll = "requests from inside come through proxies, too: the first of these machines made " +
		"this one"
	whyLines = "several lines of one name are one list, in the order in which they come. A client " +
		"that sends a line of its own has it before the proxy's"
	whyUnknown = "behind a word that is no address nobody knows what is true. Who wrote it is " +
		"known, and is the one to hold to"
	whyPrivate = "an address from inside that is no trusted proxy is a client like any other: a machine in the " +
		"next room, or somebody who came through it"
	whyForm = "proxies write addresses in all of these ways, and a client that is not recognised " +
		"in one of them shares the proxy's bucket with all others"
)

func TestTheClientBehindTheProxies(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, tt := range forwarded {
			same(t, via(tt.proxy, tt.lines...), at(tt.want), true, tt.why)
			same(t, via(tt.proxy, tt.lines...), at("192.0.2.1"), false, tt.why)
		}
		same(t, via("10.0.0.1", "203.0.113.7"), via("10.0.0.1", "203.0.113.8"), false, whyProxy)
		same(t, via("10.0.0.1", "203.0.113.7"), via("10.0.0.2", "203.0.113.7"), true, whyProxy)
		same(t, via("10.0.0.1", "2001:db8::7"), via("10.0.0.1", "2001:db8::8"), true, whyProxy)
		othersTrusted(t)
		r := via("10.0.0.1", "203.0.113.7")()
		none, peer := fairshare.ClientKey(r, nil), fairshare.ClientKey(at("10.0.0.1")(), nil)
		expect.That(t, none == peer && none != "", expect.Message{
			Did:  "asked ClientKey about a request " + describe(r) + ", and nobody is trusted",
			Want: "the key of the peer, as " + fmt.Sprintf("%q", peer), Got: fmt.Sprintf("%q", none),
			Why: "a server that faces the internet has no proxy in front of it, and believes nobody"})
	})
}

// othersTrusted has other lists of trusted proxies.
func othersTrusted(t *testing.T) {
	t.Helper()
	for _, tt := range []struct {
		trusted string
		want    string
		why     string
	}{
		{"10.1.2.3/8", "203.0.113.7", "a prefix may be written with the address of a machine in it, and is all of " +
			"that network"},
		{"0.0.0.0/0", "198.51.100.1", "if all are trusted, the left-most one is the client"},
	} {
		trusted := []netip.Prefix{netip.MustParsePrefix(tt.trusted)}
		r := via("10.9.9.9", "198.51.100.1, 203.0.113.7")()
		got, want := fairshare.ClientKey(r, trusted), fairshare.ClientKey(at(tt.want)(), nil)
		expect.That(t, got == want, expect.Message{
			Did:  fmt.Sprintf("asked ClientKey about a request %s. Trusted is %s", describe(r), tt.trusted),
			Want: fmt.Sprintf("the key of %s, as %q", tt.want, want), Got: fmt.Sprintf("%q", got), Why: tt.why})
	}
}
