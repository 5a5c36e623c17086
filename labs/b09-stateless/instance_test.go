package stateless_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

var secret = []byte("a secret that only this fleet knows")

func TestACartAtOneInstance(t *testing.T) {
	f := newFleet(1, secret)
	ann := f.login(t, "ann")
	ann.wantCart(t, nil, "logged in as ann, and asked for the cart, which is empty",
		"a program that expects a list fails on null")
	ann.mustAdd(t, "lamp", "sofa", "lamp", "lamp")
	ann.wantCart(t, []string{"lamp", "sofa", "lamp", "lamp"},
		"logged in as ann, added lamp, sofa, lamp and once more lamp, and asked for the cart",
		"whoever adds a lamp three times wants three")
	again := f.login(t, "ann")
	const why = "a cart belongs to its user: who logs in on the phone wants what was chosen at " +
		"the desk"
	again.wantCart(t, []string{"lamp", "sofa", "lamp", "lamp"},
		"logged in as ann once more, and asked for the cart with the new token", why)
	again.mustAdd(t, "desk")
	ann.wantCart(t, []string{"lamp", "sofa", "lamp", "lamp", "desk"},
		"added desk with the new token, and asked for the cart with the first one", why)
	for range 10 {
		f.login(t, "ann")
	}
	ann.wantCart(t, []string{"lamp", "sofa", "lamp", "lamp", "desk"},
		"logged in as ann 12 times, and asked for the cart with the first token",
		"whoever has a phone, a desk and a tablet has logged in at each, and at some of them again")
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
	twoFleets(t, "the secret of one fleet", "the secret of another",
		"with a store and a secret for each")
	twoFleets(t, "the secret that ends with 1", "the secret that ends with 2",
		"with a store for each, and secrets that differ in their last byte alone")
	long := strings.Repeat("secret", 16)
	twoFleets(t, long+"1", long+"2",
		"with a store for each, and secrets of 97 bytes that differ in the last one alone")
}

func twoFleets(t *testing.T, first, second, differ string) {
	t.Helper()
	one, two := newFleet(1, []byte(first)), newFleet(1, []byte(second))
	oneAnn, twoAnn := one.login(t, "ann"), two.login(t, "ann")
	oneAnn.mustAdd(t, "lamp")
	did := fmt.Sprintf("made two fleets in one process, %s, logged in as ann at both, ", differ)
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

	bob := f.login(t, "bob")
	f.pin = -1
	addAtOnce(t, "added 20 lamps at once to one cart, at 4 instances", 20,
		func(string) answer { return bob.add("lamp") })
	lamps := bob.cart(t)
	expect.That(t, len(lamps) == 20, expect.Message{
		Did:  "added 20 lamps at once to one cart, at 4 instances, and asked for the cart",
		Want: "20 items: each request was answered with 2xx",
		Got:  fmt.Sprintf("%d items", len(lamps)),
		Why: "a lamp that is there after a conflict is somebody else's: one that was not written is " +
			"not in the cart, whatever it is called",
	})
}

func TestUsersAreKeptApart(t *testing.T) {
	f := newFleet(2, secret)
	var users []*user
	long := strings.Repeat("Ann of the long name, ", 20)
	for _, name := range []string{"ann", "bob", "Ann", "ann ", " ann", "ann\n", "ann.bob",
		"ann:bob", "ann|1", `ann"`, "ann/../bob", "änn", "a\u0308nn", "bob.ann", "ann%20", " ",
		long, long + "!", strings.Repeat(long, 8), "\x00", "ann\x00", "null", "0",
		// pairs that are one in CRC-32, FNV-1 and FNV-1a of 32 bits
		"wlkffsvo", "okxxbftd", "wlasdmom", "bmdzgxpl", "ygyjbood", "siouunwq"} {
		u := f.login(t, name)
		u.mustAdd(t, "of "+name)
		users = append(users, u)
	}
	for _, u := range users {
		u.wantCart(t, []string{"of " + u.name},
			fmt.Sprintf("logged in as %d users through the same proxies, added an item for "+
				"each, and asked for the cart of %s", len(users), brief(u.name)),
			"one user who sees another's cart is an incident that has to be reported to an "+
				"authority")
	}

	spare := f.secret[len(f.secret):cap(f.secret)]
	expect.That(t, bytes.Equal(f.secret, secret) && bytes.Equal(spare, make([]byte, room)), expect.Message{
		Did: fmt.Sprintf("logged in as %d users, added an item for each, and looked at the slice that all "+
			"instances got as secret, and at the room behind it", len(users)),
		Want: "it is as it was",
		Got:  fmt.Sprintf("%q, and behind it %q", f.secret, bytes.TrimRight(spare, "\x00")),
		Why: "append writes behind a slice where there is room: all instances have this one, so two requests " +
			"at once sign and check each other's text",
	})

	// who knows what the keys in the store are called
	keys := f.store.keys()
	for _, key := range keys {
		f.login(t, key).mustAdd(t, "of a key")
	}
	for _, u := range users {
		u.wantCart(t, []string{"of " + u.name},
			fmt.Sprintf("logged in as %d users who are called like a key in the store, added an item "+
				"for each, and asked for the cart of %s", len(keys), brief(u.name)),
			"who may choose a name must not choose what is written over by it")
	}
}

// brief keeps a failure readable.
func brief(name string) string {
	if len(name) <= 60 {
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("%q… (%d bytes)", name[:60], len(name))
}
