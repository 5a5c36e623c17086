package rest_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	rest "github.com/backend-labs/backend-labs/labs/b05-rest-hypermedia"
)

func TestCrawlerPaysAnOrder(t *testing.T) {
	store := newMemory()
	c := newCrawler(t, "", store, 1)
	d := c.order("sofa", "lamp", "sofa")
	method := d.Links["payment"].Method
	expect.That(t, method == http.MethodPut, expect.Message{
		Did:  "looked at the link payment of a pending order",
		Want: "the method PUT",
		Got:  fmt.Sprintf("method %q; the links are: %s", method, d.rels()),
		Why:  "PUT may be sent again when its answer was lost, by whatever stands between, too",
	})
	paid := c.follow(d, "payment", "")
	wantOK(t, paid,
		"what the client can do next stands in the links; it needs no manual, and no address")
	wantJSON(t, paid)
	d = c.wantState("made an order and followed its link payment", d, "paid",
		"the link is named after what it does")
	expect.That(t, slices.Equal(d.Lines, []string{"sofa", "lamp", "sofa"}), expect.Message{
		Did:  "made an order of a sofa, a lamp and a sofa, paid it, and read it again",
		Want: "the lines sofa, lamp and sofa, as they were sent",
		Got:  fmt.Sprintf("%q", d.Lines),
	})
	l := d.Links["self"]
	expect.That(t, l.Method == "" || l.Method == http.MethodGet, expect.Message{
		Did: "looked at the link self of an order", Want: "GET as its method, or none",
		Got: l.Method,
	})
	wantOurContext(t, store, "paid it")
	c.wantTheirEnd(store)
	c.wantStored(store, d, "paid")
	c.wantNames(c.order("lamp"))
	c.wantLines("  two  lamps ", "", "<b>&\"\\", "Sofa", "sofa", "日本\u2028")
	c.wantLines("lamp", "lamp", "", "")
	c.wantLines(slices.Repeat([]string{"lamp", "sofa"}, 500)...)
	c.wantNoNull(store)
	for _, body := range []string{"{\"lines\":[\"lamp\"]}\n", "\r\n { \"lines\" : [ \"lamp\" ] } \t"} {
		a := c.follow(c.home(), "orders", body)
		a.did += fmt.Sprintf(" with the body %q", body)
		c.read(a, 201, "and an order: white space around JSON means nothing")
	}
	c.inPieces(c.home())
}

func TestCrawlerCancelsAnOrder(t *testing.T) {
	store := newMemory()
	c := newCrawler(t, "", store, 1)
	d := c.order("lamp")
	expect.That(t, d.Links["cancel"].Method != "" && d.Links["cancel"].Method != http.MethodGet,
		expect.Message{
			Did:  "looked at the link cancel of a pending order",
			Want: "a method, and not GET, which must not change anything",
			Got:  fmt.Sprintf("method %q; the links are: %s", d.Links["cancel"].Method, d.rels()),
			Why:  "browsers, crawlers and caches follow a GET whenever they like",
		})
	gone := c.follow(d, "cancel", "")
	wantOK(t, gone, "a pending order can be cancelled, and the link says how")
	wantJSON(t, gone)
	c.wantState("made an order and followed its link cancel", d, "cancelled",
		"the link is named after what it does")
	wantOurContext(t, store, "cancelled it")
	c.wantStored(store, d, "cancelled")
	c.wantStored(store, c.order("lamp"), "pending")
}

// likeItsOwn are base paths that look like the shop's own addresses.
func likeItsOwn(t *testing.T) (bases []string) {
	t.Helper()
	c := newCrawler(t, "", newMemory(), 1)
	links := c.order("lamp").Links
	maps.Copy(links, c.home().Links)
	for _, rel := range slices.Sorted(maps.Keys(links)) {
		if links[rel].Href == nil {
			continue
		}
		at, err := url.Parse(*links[rel].Href)
		if err != nil {
			continue
		}
		last := path.Base(at.Path)
		if plain := regexp.MustCompile(`^[A-Za-z0-9]+$`); plain.MatchString(last) {
			bases = append(bases, "/"+last)
		}
	}
	return bases
}

func TestAnyBasePath(t *testing.T) {
	for _, base := range append([]string{"/shop", "/v9/x/y"}, likeItsOwn(t)...) {
		c := newCrawler(t, base, newMemory(), 1)
		c.why = "the same shop runs behind a gateway, at another path. Links that the shop " +
			"makes from where it is move with it; " +
			"addresses written down anywhere else have become part of the contract"
		for _, one := range []struct{ rel, state string }{{"payment", "paid"},
			{"cancel", "cancelled"}} {
			d := c.order("lamp")
			wantOK(t, c.follow(d, one.rel, ""), c.why)
			c.wantState("made an order of a shop at "+base+" and followed its link "+one.rel, d,
				one.state, c.why)
		}
		a := c.do("sent a GET to / instead of the entry point", http.MethodGet, "/", "")
		expect.That(t, !a.ok(), expect.Message{
			Did:  a.did,
			Want: "no 2xx: all that the shop serves lies below its base path",
			Got:  a.String(),
			Why:  "the gateway has other guests, and what lies elsewhere is theirs",
		})
		d := c.order("lamp")
		for _, rel := range []string{"self", "payment", "cancel"} {
			l := d.Links[rel]
			if l.Href == nil {
				c.follow(d, rel, "") // says what is missing
			}
			if strings.HasPrefix(strings.TrimPrefix(*l.Href, base), base+"/") {
				continue // that is below it again
			}
			a := c.do("left the base path out of the href of the link "+rel,
				cmp.Or(l.Method, http.MethodGet), strings.TrimPrefix(*l.Href, base), "")
			expect.That(t, !a.ok(), expect.Message{
				Did:  a.did,
				Want: "no 2xx: all that the shop serves lies below its base path",
				Got:  a.String(),
				Why:  "two addresses for one thing: what the gateway keeps out comes in by the other",
			})
		}
	}
}

func TestAnyInstanceAnswers(t *testing.T) {
	c := newCrawler(t, "", newMemory(), 2)
	const why = "the balancer sends each request where there is room, and instances come and " +
		"go: what only one of them knows is gone with it"
	d := c.order("lamp")
	for range 4 { // by each instance, so that each has seen it while it was pending
		c.wantState("made an order by one of two instances, which take turns", d, "pending", why)
	}
	tags := []string{c.etag(d), c.etag(d)}
	wantOK(t, c.follow(d, "payment", ""),
		"a link that one instance has made is good for the other one, too")
	for range 4 {
		c.wantState("paid an order by one of two instances, which take turns", d, "paid", why)
	}
	expect.That(t, tags[0] == tags[1], expect.Message{
		Did:  "read a pending order from two instances",
		Want: "the same ETag",
		Got:  fmt.Sprintf("%s and %s", tags[0], tags[1]),
		Why: "a cache that asks another instance than last time would find that nothing it has " +
			"is right",
	})
}

func TestLinksTellWhatIsPossible(t *testing.T) {
	c := newCrawler(t, "", newMemory(), 1)
	for _, rel := range []string{"payment", "cancel"} {
		d := c.order("lamp")
		for i, d := range []doc{d, c.again(d)} {
			expect.That(t, d.has("payment") && d.has("cancel"), expect.Message{
				Did: "looked at the links of a pending order, " +
					[]string{"just made", "read by its self link"}[i],
				Want: "payment and cancel among them",
				Got:  d.rels(),
			})
		}
		a := c.follow(d, rel, "")
		wantOK(t, a, "a pending order can be paid or cancelled")
		wantUpToDate(t, a)
		d = c.again(d)
		expect.That(t, !d.has("payment") && !d.has("cancel") && d.has("self"), expect.Message{
			Did: "followed the link " + rel +
				" of an order, read it again, and looked at the links of what is now " + d.State,
			Want: "self, and neither payment nor cancel",
			Got:  d.rels(),
			Why: "a client shows a button where there is a link. If all links are always " +
				"there, each client needs the shop's rules, and is wrong when they change",
		})
	}
}

func TestRememberedLinksAreRefused(t *testing.T) {
	c := newCrawler(t, "", newMemory(), 1)
	for _, one := range []struct{ first, then, state string }{
		{"cancel", "payment", "cancelled"}, {"payment", "cancel", "paid"},
	} {
		d := c.order("lamp") // what the client remembers
		wantOK(t, c.follow(d, one.first, ""), "a pending order can be paid or cancelled")
		before := c.etag(d)
		a := c.follow(d, one.then, "")
		did := fmt.Sprintf("followed the link %s of an order, and then the link %s, remembered "+
			"from before", one.first, one.then)
		expect.That(t, a.status == 409, expect.Message{
			Did:  did,
			Want: "409: the request is fine, and does not fit what the order is by now",
			Got:  a.String(),
			Why: "a page may have been open for an hour. To leave out a link is a courtesy; " +
				"the rule is enforced where the order is",
		})
		c.wantState(did, d, one.state, "a refusal changes nothing")
		after := c.etag(d)
		expect.That(t, before == after, expect.Message{
			Did: did + ", and compared the ETags before and after", Want: "the same",
			Got: before + " and " + after,
		})
	}
}

func TestPayingTwiceIsPayingOnce(t *testing.T) {
	c := newCrawler(t, "", newMemory(), 1)
	d := c.order("lamp")
	wantOK(t, c.follow(d, "payment", ""), "a pending order can be paid")
	before := c.etag(d)
	a := c.follow(d, "payment", "")
	a.did += ", for the second time"
	wantOK(t, a, "PUT is idempotent: a client whose answer was lost sends the same again, and "+
		"wants to hear that it is done")
	c.wantState("followed the link payment of an order twice", d, "paid",
		"twice has the effect of once")
	after := c.etag(d)
	expect.That(t, before == after, expect.Message{
		Did:  "followed the link payment of an order twice, and read its ETag after each time",
		Want: "the same ETag: the second time has changed nothing",
		Got:  before + " and " + after,
		Why:  "what is not changed must not look changed: everybody who has it would fetch it again",
	})
}

func TestGETChangesNothing(t *testing.T) {
	store := newMemory()
	c := newCrawler(t, "", store, 1)
	d := c.order("lamp")
	before := c.etag(d)
	for _, rel := range []string{"self", "payment", "cancel", "self"} {
		l, there := d.Links[rel]
		if !there || l.Href == nil {
			c.follow(d, rel, "") // says what is missing
		}
		did := "sent a GET to the href of the link " + rel + " of a pending order"
		c.do(did, http.MethodGet, *l.Href, "")
		now := c.wantState(did, d, "pending",
			"GET is safe: browsers load links in advance, search engines follow all of them, "+
				"and nobody has bought anything by that")
		expect.That(t, now.has("payment") && now.has("cancel"), expect.Message{
			Did: did + ", and looked at the links", Want: "payment and cancel, as before",
			Got: now.rels(),
		})
		after := c.etag(d)
		expect.That(t, before == after, expect.Message{
			Did: did + ", and compared the ETags before and after", Want: "the same",
			Got: before + " and " + after,
		})
	}
	size, home := store.size(), c.home()
	if home.Links["orders"].Href == nil {
		c.follow(home, "orders", "") // says what is missing
	}
	for _, body := range []string{"", `{"lines":["lamp"]}`} {
		a := c.do("sent a GET to the href of the link orders", http.MethodGet, *home.Links["orders"].Href, body)
		expect.That(t, store.size() == size, expect.Message{
			Did:  fmt.Sprintf("%s with the body %q", a.did, body),
			Want: fmt.Sprintf("as many orders as before, %d", size),
			Got:  fmt.Sprintf("%d, and the answer %s", store.size(), a),
			Why:  "what makes something is a POST: a GET may be sent by anybody, and again, at any time",
		})
	}
	wantOK(t, c.follow(d, "payment", ""), "with its own method the link does what it says")
	c.wantState("followed the link payment after that", d, "paid", "")
}

func TestETagFollowsTheOrder(t *testing.T) {
	c := newCrawler(t, "", newMemory(), 1)
	d := c.order("lamp")
	old := c.etag(d)
	ask := func(did, tags string) answer {
		a := c.do(did, http.MethodGet, *d.Links["self"].Href, "", "If-None-Match", tags)
		a.did = fmt.Sprintf("%s, with If-None-Match: %s", a.did, tags)
		return a
	}
	for _, tags := range []string{old, `"something-else", ` + old,
		old + `, "something-else"`, `"one","another",` + old, `"one", ` + old + `, "another"`} {
		a := ask("read an order again that has not changed", tags)
		expect.That(t, a.status == 304 && a.body == "" && a.header.Get("ETag") == old,
			expect.Message{
				Did:  a.did,
				Want: "304 without a body, and the ETag " + old,
				Got:  fmt.Sprintf("%s, ETag %q", a, a.header.Get("ETag")),
				Why: "what has not changed need not be sent: that is what makes it worthwhile to " +
					"ask often",
			})
	}
	longer := old[:len(old)-1] + `0"`
	inner := old[1 : len(old)-1]
	others := []string{`"something-else"`, longer, `"0` + old[1:], `"a", ` + longer,
		`"` + inner + `,a"`, `"a,` + inner + `"`, `"a,` + inner + `,b"`}
	for _, tag := range []string{strings.ToUpper(old), strings.ToLower(old)} {
		if tag != old {
			others = append(others, tag)
		}
	}
	for _, tags := range others {
		c.read(ask("read an order with the ETag of something else", tags), 200, "and the order")
	}
	wantOK(t, c.follow(d, "payment", ""), "a pending order can be paid")
	a := ask("paid an order, and read it with the ETag from before", old)
	now := c.read(a, 200, "and the order as it is now")
	expect.That(t, now.State == "paid" && a.header.Get("ETag") != old, expect.Message{
		Did:  a.did,
		Want: "the order as it is now, paid, and another ETag",
		Got:  fmt.Sprintf("%s, ETag %q", a, a.header.Get("ETag")),
		Why:  "an ETag that stays while the order changes makes every cache serve yesterday's order",
	})
	tagOfWhatIsDone(t)
	tagsOfAnswers(t)
	tagAfterOthers(t)
}

// tagOfWhatIsDone reads orders with which nothing can be done any more.
func tagOfWhatIsDone(t *testing.T) {
	t.Helper()
	for _, rel := range []string{"payment", "cancel"} {
		c := newCrawler(t, "", newMemory(), 1)
		d := c.order("lamp")
		wantOK(t, c.follow(d, rel, ""), "the order is pending")
		tag := c.etag(d)
		a := c.do(fmt.Sprintf("followed the link %s of an order, and read it twice, the second time "+
			"with the ETag of the first", rel),
			http.MethodGet, *d.Links["self"].Href, "", "If-None-Match", tag)
		expect.That(t, a.status == 304 && a.body == "" && a.header.Get("ETag") == tag,
			expect.Message{
				Did:  a.did,
				Want: "304 without a body, and the ETag " + tag,
				Got:  fmt.Sprintf("%s, ETag %q", a, a.header.Get("ETag")),
				Why:  "an order that is done is the one that never changes again, and is read for years",
			})
	}
}

// tagsOfAnswers looks at the ETags of what is no answer to a GET.
func tagsOfAnswers(t *testing.T) {
	t.Helper()
	c := newCrawler(t, "", newMemory(), 1)
	made := c.follow(c.home(), "orders", `{"lines":["lamp"]}`)
	d := c.read(made, 201, "and an order")
	tag := made.header.Get("ETag")
	expect.That(t, tag == c.etag(d), expect.Message{
		Did:  "made an order, and compared the ETag of the 201 with that of a GET",
		Want: "the same: an order comes with its ETag",
		Got:  fmt.Sprintf("%q and %q", tag, c.etag(d)),
		Why:  "who has made an order has its representation, and need not get it again to keep it",
	})
	paid := c.follow(d, "payment", "")
	wantOK(t, paid, "a pending order can be paid")
	tag = paid.header.Get("ETag")
	expect.That(t, tag == "" || tag == c.etag(d), expect.Message{
		Did:  "paid an order, and compared the ETag of the answer with that of a GET",
		Want: "the same, or none in the answer",
		Got:  fmt.Sprintf("%q and %q", tag, c.etag(d)),
		Why:  "under the ETag from before, what is paid by now would be kept as what was pending",
	})
}

// tagAfterOthers has an order whose lines change, and nothing else.
func tagAfterOthers(t *testing.T) {
	t.Helper()
	store := newMemory()
	c := newCrawler(t, "", store, 1)
	d := c.order("lamp")
	set := func(lines ...string) {
		store.mu.Lock()
		defer store.mu.Unlock()
		store.edit(d.ID, func(o *rest.Order) { o.Lines = lines })
	}
	changed := func(did, old string, lines ...string) {
		t.Helper()
		set(lines...)
		a := c.do(did+", with the ETag from before", http.MethodGet, *d.Links["self"].Href, "",
			"If-None-Match", old)
		now := c.read(a, 200, "and the order as it is now")
		expect.That(t, slices.Equal(now.Lines, lines) && a.header.Get("ETag") != old, expect.Message{
			Did:  a.did,
			Want: fmt.Sprintf("the order with the lines %q, and another ETag", lines),
			Got:  fmt.Sprintf("%s, ETag %q", a, a.header.Get("ETag")),
			Why:  "an order is more than its state, and its ETag changes whenever anything of it does",
		})
	}
	changed("read an order to which another instance has added a sofa", c.etag(d), "lamp", "sofa")
	for _, lines := range [][]string{{"lamp", "desk"}, {"desk", "sofa"}, {"sofa", "lamp"}, {"lamp", "Sofa"},
		{"lampsofa"}, {"lamp sofa"}, {"lamp,sofa"}, {"lamp, sofa"}, {"lamp;sofa"}, {"lamp|sofa"}, {"lamp:sofa"},
		{"lamp\nsofa"}, {"lamp\x00sofa"}, {"lamps", "ofa"}, {"lamp", "sofa", ""}} {
		set("lamp", "sofa")
		changed(fmt.Sprintf("read an order of a lamp and a sofa whose lines another instance has made %q", lines),
			c.etag(d), lines...)
	}
}

func TestClientsAndInstancesCanBeMixed(t *testing.T) {
	request, _ := account.Current()
	r := rand.New(rand.NewPCG(request.Seed, 5))
	store := newMemory()
	c := newCrawler(t, "", store, 3)
	c.pick = func() int { return r.IntN(3) }

	// Each client makes an order of its own and goes on with it; whose turn it is, and at which
	// instance, is random.
	plans := [][]string{{"payment"}, {"payment", "payment"}, {"cancel"}, {"cancel", "payment"},
		{"payment", "cancel"}, {}}
	const clients = 20
	orders, left := make([]doc, clients), make([][]string, clients)
	var turns []int
	for i := range clients {
		left[i] = plans[i%len(plans)]
		for range len(left[i]) + 1 {
			turns = append(turns, i)
		}
	}
	r.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	for _, i := range turns {
		if orders[i].Links == nil {
			orders[i] = c.order(fmt.Sprintf("thing %d", i))
			continue
		}
		c.follow(orders[i], left[i][0], "") // some of them are refused
		left[i] = left[i][1:]
	}
	for i, d := range orders {
		plan, want := plans[i%len(plans)], "pending"
		if len(plan) > 0 {
			want = map[string]string{"payment": "paid", "cancel": "cancelled"}[plan[0]]
		}
		now := c.again(d)
		line := fmt.Sprintf("thing %d", i)
		expect.That(t, now.ID == d.ID && now.State == want &&
			slices.Equal(now.Lines, []string{line}), expect.Message{
			Did: fmt.Sprintf("let 20 clients at one address, mixed with each other, make and "+
				"handle an order each, over 3 instances; client %d ordered %q and followed %q "+
				"(seed %d)",
				i, line, plan, request.Seed),
			Want: fmt.Sprintf("its own order, %s", want),
			Got:  fmt.Sprintf("%s, lines %q", now.State, now.Lines),
			Why: "a server that remembers what a client was about mixes up those behind the " +
				"same address, and forgets when the next request reaches another instance. What " +
				"a request is about must be in the request",
		})
	}
	expect.That(t, store.size() == clients, expect.Message{
		Did:  "let 20 clients make one order each, over 3 instances",
		Want: "20 orders in the store",
		Got:  fmt.Sprint(store.size()),
	})
}

// TestIDsAreUnique stands still in time, so that all orders are made in the same moment.
func TestIDsAreUnique(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		seen := map[string]int{}
		store := newMemory()
		for round, orders := range []int{2, 4000, 30} { // instances come and go
			c := newCrawler(t, "", store, 3)
			for i := range orders {
				d := c.order(fmt.Sprintf("thing %d of %d", i+1, orders))
				seen[d.ID]++
				expect.That(t, seen[d.ID] == 1, expect.Message{
					Did: fmt.Sprintf("made %d orders over %d instances, in the same moment",
						len(seen)+1, 3*(round+1)),
					Want: "each with an id of its own",
					Got:  fmt.Sprintf("two with the id %q", d.ID),
					Why: "an instance knows neither what the others have counted nor what it " +
						"counted before its restart; and the same moment comes at all of them",
				})
			}
		}
	})
}

func TestSomebodyElseWasQuicker(t *testing.T) {
	paid := func(o *rest.Order) { o.State = "paid" }
	cancelled := func(o *rest.Order) { o.State = "cancelled" }
	longer := func(o *rest.Order) { o.Lines = append(slices.Clone(o.Lines), "sofa") }
	for _, one := range []struct {
		rel, what string
		meanwhile func(*rest.Order)
		ok        bool
		state     string
		lines     []string
	}{
		{"payment", "pays it", paid, true, "paid", []string{"lamp"}},
		{"payment", "cancels it", cancelled, false, "cancelled", []string{"lamp"}},
		{"payment", "adds a sofa to it", longer, true, "paid", []string{"lamp", "sofa"}},
		{"cancel", "pays it", paid, false, "paid", []string{"lamp"}},
		{"cancel", "adds a sofa to it", longer, true, "cancelled", []string{"lamp", "sofa"}},
	} {
		store := newMemory()
		c := newCrawler(t, "", store, 1)
		d := c.order("lamp")
		store.before = func() { store.edit(d.ID, one.meanwhile) }
		a := c.follow(d, one.rel, "")
		now := c.again(d)
		want := "a 2xx"
		if !one.ok {
			want = "409"
		}
		ok := a.ok() && one.ok || a.status == 409 && !one.ok
		expect.That(t, ok && now.State == one.state && slices.Equal(now.Lines, one.lines),
			expect.Message{
				Did: fmt.Sprintf(
					"followed the link %s of an order of a lamp, while another instance %s, "+
						"between "+
						"the shop's Get and Put", one.rel, one.what),
				Want: fmt.Sprintf("%s, and an order that is %s, with the lines %q", want, one.state,
					one.lines),
				Got: fmt.Sprintf("%s, and an order that is %s, with the lines %q", a, now.State,
					now.Lines),
				Why: "between reading and writing others write. Who then writes what was decided " +
					"on the old version takes their change back, and a cancelled order is paid",
			})
	}
	goneMeanwhile(t)
	toldInOtherWays(t)
	idIsTaken(t)
}

// goneMeanwhile has orders that are removed between the shop's Get and Put.
func goneMeanwhile(t *testing.T) {
	t.Helper()
	for _, rel := range []string{"payment", "cancel"} {
		store := newMemory()
		c := newCrawler(t, "", store, 1)
		d := c.order("lamp")
		store.before = func() { store.drop(d.ID) }
		a := c.follow(d, rel, "")
		expect.That(t, a.status == 404 && store.size() == 0, expect.Message{
			Did: fmt.Sprintf("followed the link %s of an order that another instance removes between the "+
				"shop's Get and Put", rel),
			Want: "404, and no order: after a conflict the shop looks again, and finds none",
			Got:  fmt.Sprintf("%s; %d orders", a, store.size()),
			Why:  "what a second look finds is as true as what a first one would have found",
		})
	}
}

// toldInOtherWays has a store that wraps its errors less, and more.
func toldInOtherWays(t *testing.T) {
	t.Helper()
	for _, one := range []struct {
		how  string
		told func(error) error
	}{
		{"as they are", func(err error) error { return err }},
		{"wrapped twice", func(err error) error { return fmt.Errorf("shard 3: %w", fmt.Errorf("row: %w", err)) }},
		{"joined with another one", func(err error) error { return errors.Join(errors.New("shard 3"), err) }},
	} {
		for _, rel := range []string{"payment", "cancel"} {
			store := newMemory()
			store.told = one.told
			c := newCrawler(t, "", store, 1)
			d := c.order("lamp")
			store.before = func() { store.edit(d.ID, func(o *rest.Order) { o.Lines = []string{"lamp", "sofa"} }) }
			a := c.follow(d, rel, "")
			store.drop(d.ID)
			gone := c.follow(d, rel, "")
			expect.That(t, a.ok() && gone.status == 404, expect.Message{
				Did: fmt.Sprintf("let a store return its errors %s, and followed the link %s of an order twice: while "+
					"another instance adds a sofa to it, and when the order is gone", one.how, rel),
				Want: "a 2xx, and then 404",
				Got:  fmt.Sprintf("%s, and then %s", a, gone),
				Why:  "how often an error is wrapped is the store's business, and differs from one to the next",
			})
		}
	}
}

// idIsTaken has an order of somebody else under the id that the shop has made.
func idIsTaken(t *testing.T) {
	t.Helper()
	store := newMemory()
	c := newCrawler(t, "", store, 1)
	home, theirs := c.home(), ""
	store.taken = func(id string) {
		theirs = id
		store.put(rest.Order{ID: id, State: "pending", Lines: []string{"sofa"}})
	}
	a := c.follow(home, "orders", `{"lines":["lamp"]}`)
	if theirs == "" {
		return // it does not store what it makes; other checks say so
	}
	var d doc
	_ = json.Unmarshal([]byte(a.body), &d)
	expect.That(t, slices.Equal(store.orders[theirs].Lines, []string{"sofa"}) && !(a.ok() && d.ID == theirs),
		expect.Message{
			Did:  "ordered a lamp, while another instance stores an order of a sofa with the same id",
			Want: "the other order as it was; for the lamp another id, or no 2xx",
			Got:  fmt.Sprintf("the other order with the lines %q, and %s", store.orders[theirs].Lines, a),
			Why:  "what others have made is not lost: Put with version 0 has said that the id is theirs",
		})
}

// TestSomebodyElseIsQuickerAgainAndAgain has several others between Get and Put, one at a time. Time is virtual, for those
// who wait a little after each conflict.
func TestSomebodyElseIsQuickerAgainAndAgain(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		againAndAgain(t, "payment", "paid", 5)
		againAndAgain(t, "cancel", "cancelled", 5)
		againAndAgain(t, "payment", "paid", 1000)
		againAndAgain(t, "cancel", "cancelled", 1000)
	})
}

func againAndAgain(t *testing.T, rel, state string, others int) {
	t.Helper()
	store := newMemory()
	c := newCrawler(t, "", store, 1)
	d := c.order("lamp")
	left := others
	var longer func()
	longer = func() {
		store.edit(d.ID, func(o *rest.Order) { o.Lines = append(o.Lines, "sofa") })
		if left--; left > 0 {
			store.before = longer
		}
	}
	store.before = longer
	a := c.follow(d, rel, "")
	now := c.again(d)
	expect.That(t, a.ok() && now.State == state && len(now.Lines) == 1+others, expect.Message{
		Did: fmt.Sprintf("followed the link %s of a pending order, while others add a sofa to it, each of %d times "+
			"between the shop's Get and Put", rel, others),
		Want: fmt.Sprintf("a 2xx, and an order that is %s, with %d lines", state, 1+others),
		Got:  fmt.Sprintf("%s, and an order that is %s, with %d lines", a, now.State, len(now.Lines)),
		Why: "after a conflict one looks again and decides again, and that holds for the next conflict, too: the " +
			"order is still pending, so nothing forbids it",
	})
	wantOurContext(t, store, "followed its link "+rel+" with "+fmt.Sprint(others)+" conflicts")
}

// TestWhatIsNotStoredIsNotDone lets the store be read, and not be written.
func TestWhatIsNotStoredIsNotDone(t *testing.T) {
	store := newMemory()
	c := newCrawler(t, "", store, 1)
	home, d := c.home(), c.order("lamp")
	store.full = func() error { return errDisk }
	for _, a := range []answer{
		c.follow(home, "orders", `{"lines":["lamp"]}`),
		c.follow(d, "payment", ""), c.follow(d, "cancel", ""),
	} {
		expect.That(t, a.panicked == nil && a.status >= 500 && a.status <= 599, expect.Message{
			Did:  a.did + " while the store's Get works, and its Put returns \"disk full\"",
			Want: "a 5xx",
			Got:  a.String(),
			Why:  "a client that hears a 2xx goes home, and nobody has written down what it did",
		})
	}
	for _, rel := range []string{"payment", "cancel"} {
		times := 0
		store.full = func() error {
			if times++; times > 3 {
				return nil // who has not stopped by now would never
			}
			return errors.New("replica 2: " + rest.ErrConflict.Error())
		}
		a := c.follow(d, rel, "")
		expect.That(t, a.panicked == nil && a.status >= 500 && a.status <= 599, expect.Message{
			Did: fmt.Sprintf("%s while the store's Put returns another error, with the text %q", a.did,
				"replica 2: "+rest.ErrConflict.Error()),
			Want: "a 5xx: it is not ErrConflict",
			Got:  fmt.Sprintf("%s, after %d calls of Put", a, times),
			Why:  "texts are for people, and anybody may use the same; what an error is says errors.Is",
		})
	}
}

func TestErrorsSayWhoseTheyAre(t *testing.T) {
	store := newMemory()
	c := newCrawler(t, "", store, 1)
	home := c.home()
	for _, body := range []string{"", "{", "[]", `{"lines":"lamp"}`, `lamp`, `null`,
		`{}`, `{"lines":null}`, `{"lines":[7]}`, `{"lines":[null]}`, `{"lines":["lamp",null]}`,
		`{"lines":["lamp"]} x`, `{"lines":["lamp"]}}`, `{"lines":["lamp"]}{"lines":["sofa"]}`,
		`["lamp"]`, `"lamp"`, `[{"lines":["lamp"]}]`, `{"lines":{}}`, `{"lines":{"0":"lamp"}}`, `{"lines":""}`,
		`{"lines":[true]}`, `{"lines":[["lamp"]]}`, `{"lines":["lamp",{"lamp":"sofa"}]}`, `{"lines":["lamp",]}`,
		`{"lines":["lamp"]}]`, `{"lines":["lamp"]}` + strings.Repeat(" ", 9000) + `x`} {
		a := c.follow(home, "orders", body)
		expect.That(t, a.status == 400 && store.size() == 0, expect.Message{
			Did:  fmt.Sprintf("%s with the body %s", a.did, shorten(fmt.Sprintf("%q", body))),
			Want: "400, and no order is made",
			Got:  fmt.Sprintf("%s; %d orders", a, store.size()),
			Why:  "the client must learn that it has to change its request",
		})
	}
	status := c.brokenOff(home)
	expect.That(t, status == 400 && store.size() == 0, expect.Message{
		Did:  `followed orders with a body that broke off after {"lines":["lamp"]}`,
		Want: "400, and no order is made",
		Got:  fmt.Sprintf("%d; %d orders", status, store.size()),
		Why:  "who was cut off does not know what has become of the order, and orders again",
	})
	lost, kept := c.order("lamp"), c.order("sofa")
	store.forget(lost.ID)
	for _, rel := range []string{"self", "payment", "cancel"} {
		a := c.follow(lost, rel, "")
		expect.That(t, a.status == 404, expect.Message{
			Did:  a.did + " of an order that the store does not have any more",
			Want: "404",
			Got:  a.String(),
			Why: "links grow old, and a client must be able to tell a page that is gone from a " +
				"shop that is down",
		})
	}
	for _, err := range []error{errDisk, context.DeadlineExceeded, io.ErrUnexpectedEOF, context.Canceled,
		errors.New("host db7: " + rest.ErrNotFound.Error())} {
		store.fail(err)
		for _, a := range []answer{
			c.follow(home, "orders", `{"lines":["lamp"]}`), c.follow(kept, "self", ""),
			c.follow(kept, "payment", ""), c.follow(kept, "cancel", ""),
		} {
			expect.That(t, a.panicked == nil && a.status >= 500 && a.status <= 599, expect.Message{
				Did:  fmt.Sprintf("%s while the store returns the error %q", a.did, err),
				Want: "a 5xx",
				Got:  a.String(),
				Why:  "it is not the client's mistake, and the same request may succeed later",
			})
		}
	}
}
