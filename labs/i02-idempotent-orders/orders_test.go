package orders_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/faultproxy"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	orders "github.com/backend-labs/backend-labs/labs/i02-idempotent-orders"
)

const (
	// patience is for one call; none has anything to wait for that long.
	patience = 5 * time.Second

	// abandoned is how long a call that has died may keep its key. A call that begins later than settled must not find it
	// kept: that is said of when the call begins, so a busy machine makes no difference.
	abandoned = 2 * time.Second
	settled   = abandoned + abandoned/4
)

var shoes = orders.OrderReq{SKU: "shoes-42", Qty: 2, Cents: 11800,
	Note: json.RawMessage(`{"gift":true,"wrap":{"paper":"blue","bows":[1,2]}}`)}

func TestAnOrderIsCreatedOnceAndReplayed(t *testing.T) {
	db, own := shop(t)
	gw := &gateway{}
	first := place(t, db, gw, "ann", "k1", shoes)
	wantOrder(t, first, "placed the first order of a user")
	row := pg.Value[string](t, own, `SELECT coalesce(
		(SELECT concat_ws(' ', user_id, sku, qty, cents) FROM orders WHERE id = $1), 'no such row')`, first.id)
	expect.That(t, row == "ann shoes-42 2 11800", expect.Message{
		Did: fmt.Sprintf("placed an order of ann's, 2 of shoes-42 for 11800 cents, and looked "+
			"for row %d of orders", first.id),
		Want: "user_id, sku, qty and cents: ann shoes-42 2 11800",
		Got:  row,
		Why:  "what is not in the table will not be shipped",
	})
	calls := gw.log()
	expect.That(t, len(calls) == 1 && calls[0].cents == 11800, expect.Message{
		Did:  "placed one order of 11800 cents",
		Want: "one call of the gateway, for 11800 cents",
		Got:  gw.String(),
		Why:  "the card pays what the order says, once",
	})

	gw.onCharge = func(int) error { return errors.New("the gateway is down") }
	again := place(t, pg.Pool(t), gw, "ann", "k1", shoes)
	did := "sent the request a second time with its key, to another instance, while the gateway " +
		"was down"
	expect.That(t, again.is(first), expect.Message{
		Did:  did,
		Want: first.String() + " again: the outcome is known, nothing is left to do",
		Got:  again.String(),
		Why: "a client whose answer got lost asks again to learn what became of its order; it " +
			"needs that answer, not a second attempt",
	})
	wantOrders(t, own, 1, did)
	expect.That(t, len(gw.log()) == 1, expect.Message{
		Did: did,
		Want: "the gateway called once, by the first call: the second is answered from what is " +
			"stored",
		Got: gw.String(),
		Why: "a replay that asks others again is slow when they are slow and fails when they fail",
	})
	replaysThatAreCut(t, gw, first)
}

// replaysThatAreCut repeats the request of ann's order over connections that are cut in the middle of each message and of
// each answer.
func replaysThatAreCut(t *testing.T, gw *gateway, first answer) {
	t.Helper()
	proxy := newProxy(t)
	instance := connected(t, proxy)
	from, ends := exchanges(proxy, func() { place(t, instance, gw, "ann", "k1", shoes) })
	for i, end := range ends {
		for dir, where := range []string{
			faultproxy.ToServer: "message %d of the replay was on its way",
			faultproxy.ToClient: "the answer to message %d of the replay was on its way back",
		} {
			proxy := newProxy(t)
			instance := connected(t, proxy)
			proxy.CutAfter(faultproxy.Direction(dir), end[dir]-from[dir]-1)
			a := place(t, instance, gw, "ann", "k1", shoes)
			expect.That(t, a.is(first) || a.failed() || known.Is(a.err, orders.ErrInProgress), expect.Message{
				Did: "sent the request again, and cut the connection to the database while " +
					fmt.Sprintf(where, i+1),
				Want: first.String() + " again, or an error that is neither ErrMismatch nor ErrDeclined",
				Got:  a.String(),
				Why: "what could not be read is not known; told an order that does not exist, or that there is " +
					"none, the client gives up asking",
			})
		}
	}
}

func TestAnotherRequestUnderTheSameKeyIsRefused(t *testing.T) {
	db, own := shop(t)
	gw := &gateway{}
	first := place(t, db, gw, "ann", "k1", shoes)
	wantOrder(t, first, "placed the first order of a user")
	note := func(s string) func(*orders.OrderReq) {
		return func(r *orders.OrderReq) { r.Note = json.RawMessage(s) }
	}
	edited := func(old, new string) func(*orders.OrderReq) {
		return note(strings.Replace(string(shoes.Note), old, new, 1))
	}
	for _, other := range []struct {
		what   string
		change func(*orders.OrderReq)
	}{
		{"another SKU", func(r *orders.OrderReq) { r.SKU = "shoes-43" }},
		{"the SKU in capital letters", func(r *orders.OrderReq) { r.SKU = "SHOES-42" }},
		{"a space behind the SKU", func(r *orders.OrderReq) { r.SKU += " " }},
		{"a figure of the SKU in the quantity", func(r *orders.OrderReq) { r.SKU, r.Qty = "shoes-4", 22 }},
		{"a figure of the amount in the quantity", func(r *orders.OrderReq) { r.Qty, r.Cents = 21, 1800 }},
		{"another quantity", func(r *orders.OrderReq) { r.Qty = 3 }},
		{"another amount", func(r *orders.OrderReq) { r.Cents = 11801 }},
		{"no note", func(r *orders.OrderReq) { r.Note = nil }},
		{"another value deep in the note", edited("blue", "red")},
		{"the elements of an array in the note in another order", edited("1,2", "2,1")},
		{"a space more inside a string of the note", edited("blue", "blue ")},
		{"a string in place of a boolean in the note", edited("true", `"true"`)},
		{"a string in place of two numbers in the note", edited("1,2", `"1 2"`)},
		{"one member more in the note, which is null", edited("true,", `true,"for":null,`)},
	} {
		req := shoes
		other.change(&req)
		got := place(t, db, gw, "ann", "k1", req)
		did := "used the key of an order again for a request with " + other.what
		expect.That(t, known.Is(got.err, orders.ErrMismatch), expect.Message{
			Did:  did,
			Want: "ErrMismatch",
			Got:  got.String(),
			Why: "one key for two requests is a bug of the client; answered with the first " +
				"order, it believes that its second cart was bought",
		})
		wantOrders(t, own, 1, did)
		wantCharges(t, gw, 1, did)
	}
	large := shoes
	note(`{"voucher":9007199254740993}`)(&large)
	wantOrder(t, place(t, db, gw, "ben", "k1", large), "placed an order with a large number in its note")
	note(`{"voucher":9007199254740992}`)(&large)
	got := place(t, db, gw, "ben", "k1", large)
	expect.That(t, known.Is(got.err, orders.ErrMismatch), expect.Message{
		Did: "used the key of an order with the voucher 9007199254740993 again for a request with " +
			"the voucher 9007199254740992",
		Want: "ErrMismatch",
		Got:  got.String(),
		Why: "they are two numbers, though a float64 has one value for both: ids and amounts of " +
			"other systems may be as large",
	})
	plain := shoes
	plain.Note = nil
	wantOrder(t, place(t, db, gw, "cem", "k1", plain), "placed an order without a note")
	for _, empty := range []string{`{}`, `[]`, `""`, `false`, `0`} {
		note(empty)(&plain)
		got := place(t, db, gw, "cem", "k1", plain)
		expect.That(t, known.Is(got.err, orders.ErrMismatch), expect.Message{
			Did:  "used the key of an order without a note again for a request with the note " + empty,
			Want: "ErrMismatch",
			Got:  got.String(),
			Why:  "nothing and an empty value are two things: the one was not said, the other was",
		})
	}
	again := place(t, db, gw, "ann", "k1", shoes)
	expect.That(t, again.is(first), expect.Message{
		Did:  "sent the first request again after others under its key had been refused",
		Want: first.String() + ", as before",
		Got:  again.String(),
		Why:  "a refusal changes nothing of what is stored",
	})
}

func TestTheSameJSONSpelledDifferentlyIsTheSameRequest(t *testing.T) {
	db, own := shop(t)
	gw := &gateway{}
	first := place(t, db, gw, "ann", "k1", shoes)
	wantOrder(t, first, "placed the first order of a user")
	for _, same := range []struct{ what, note string }{
		{"the members of the note's objects in another order", `{"wrap":{"bows":[1,2],"paper":"blue"},"gift":true}`},
		{"a letter in the note written as an escape",
			strings.Replace(string(shoes.Note), "blue", `bl\u0075e`, 1)},
		{"other white space in the note", "{ \"gift\": true,\n\t\"wrap\": {\"paper\": \"blue\", \"bows\": [ 1, 2 ]} }"},
	} {
		req := shoes
		req.Note = json.RawMessage(same.note)
		got := place(t, db, gw, "ann", "k1", req)
		expect.That(t, got.is(first), expect.Message{
			Did:  "repeated a request with " + same.what,
			Want: first.String() + ": it is the same request",
			Got:  got.String(),
			Why: "encoders of JSON are free in both, and many write an object's members in a " +
				"different order each time; an honest retry must not be taken for another request",
		})
	}
	wantOrders(t, own, 1, "sent one request three times, with its note spelled in three ways")
}

func TestConcurrentDuplicatesCreateOneOrder(t *testing.T) {
	const callers = 50
	_, own := shop(t)
	proxy := newProxy(t)
	instances := []*pgxpool.Pool{pg.PoolVia(t, proxy.Addr()), pg.PoolVia(t, proxy.Addr())}
	for _, instance := range instances {
		connectAll(t, instance)
	}
	// Calls between whose steps there is a gap shall meet in it. So the database is a millisecond
	// away, and the gateway keeps everybody until all have come as far as they come.
	proxy.Delay(time.Millisecond)
	all := newGate(callers)
	gw := &gateway{tl: timeline.New(), onCharge: func(int) error {
		all.arrive()
		all.wait(150 * time.Millisecond) // some may be waiting for this one
		return nil
	}}
	answers := make([]answer, callers)
	inParallel(callers, callers, func(i int) {
		answers[i] = place(t, instances[i%2], gw, "ann", "k1", shoes)
		all.arrive()
	})

	did := fmt.Sprintf("sent one request with one key %d times at once, to two instances with 4 "+
		"database connections each", callers)
	var ids []string
	for _, a := range answers {
		if a.err == nil {
			ids = appendNew(ids, a.String())
			continue
		}
		expect.That(t, known.Is(a.err, orders.ErrInProgress), expect.Message{
			Did:  did,
			Want: "from each call the order or ErrInProgress",
			Got:  "from one of them: " + a.String(),
			Why: "a double click must not turn an order that succeeds into an error; nor may a " +
				"call that keeps one connection wait for a second: when all do, nobody ever " +
				"gets one",
		})
	}
	gw.tl = onlyLanes(gw.tl, twoWhoDiffer(answers)...)
	wantOrders(t, own, 1, did, gw.tl)
	wantCharges(t, gw, 1, did)
	expect.That(t, len(ids) == 1, expect.Message{
		Did: did,
		Want: "the one order from all calls that do not return ErrInProgress, and at least one " +
			"of these",
		Got:     fmt.Sprintf("%d orders in the answers (%s)", len(ids), strings.Join(ids, ", ")),
		Why:     "the clients of all of these calls are one client, which bought one thing",
		Picture: gw.tl,
	})
}

func TestKeysBelongToTheirUser(t *testing.T) {
	db, own := shop(t)
	type owned struct{ user, key string }
	pairs := [][2]owned{
		{{"ann", "k1"}, {"bob", "k1"}}, {{"eve", "k1"}, {"Eve", "k1"}}, {{"eve", "k2"}, {"eve", "K2"}},
		{{"eve", "k3"}, {"eve ", "k3"}}, {{"eve", "k4"}, {"eve", "k4 "}},
	}
	// A column, or a hash, must not have room for their beginnings alone.
	long := strings.Repeat("8e03978e-40d5-", 20)
	pairs = append(pairs, [2]owned{{"ann", long + "1"}, {"ann", long + "2"}},
		[2]owned{{long + "ann", "k5"}, {long + "bob", "k5"}})
	// Glued together, different users and keys can give the same text.
	for _, glue := range []string{"", "-", "_", ":", "/", "|", ".", ",", " "} {
		pairs = append(pairs,
			[2]owned{{"ann", "1" + glue + "2"}, {"ann" + glue + "1", "2"}},
			[2]owned{{"1" + glue + "ann", "0"}, {"ann", "0" + glue + "1"}})
	}
	for i, p := range pairs {
		gw := &gateway{}
		did := fmt.Sprintf("placed an order as user %q with key %q, and the same as user %q "+
			"with key %q", p[0].user, p[0].key, p[1].user, p[1].key)
		did = strings.ReplaceAll(did, long, fmt.Sprintf("…%d bytes…", len(long)))
		first := place(t, db, gw, p[0].user, p[0].key, shoes)
		second := place(t, db, gw, p[1].user, p[1].key, shoes)
		wantOrder(t, first, did)
		wantOrder(t, second, did)
		expect.That(t, !second.is(first), expect.Message{
			Did:  did,
			Want: "two orders",
			Got:  first.String() + " for both",
			Why: "clients choose their keys, and two will choose the same: the second has just " +
				"been shown an order of the first, and will never get its own",
		})
		wantOrders(t, own, 2*(i+1), did)
		wantCharges(t, gw, 2, did)
	}
}

func TestADeathIsRecoveredFrom(t *testing.T) {
	const killed = "its connections broke, and no statement of it reached the database any more"
	db, own := shop(t)
	type death struct {
		did, user, key string
		killed         bool
		err            error // of the gateway

		proxy    *faultproxy.Proxy
		instance *pgxpool.Pool
		gw       *gateway
		first    answer
	}
	deaths := []death{
		{did: "cancelled the context of a call, as when its client hangs up, just when the card had been charged", user: "ann", key: "k1"},
		{did: "killed the instance just when the card had been charged: " + killed, user: "bob", key: "k2", killed: true},
		{did: "killed the instance just before the card was charged: " + killed, user: "eve", key: "k3", killed: true, err: errNotCharged},
	}
	for i := range deaths {
		deaths[i].proxy = newProxy(t)
		deaths[i].instance = pg.PoolVia(t, deaths[i].proxy.Addr())
	}
	inParallel(len(deaths), len(deaths), func(i int) {
		d := &deaths[i]
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		d.gw = &gateway{tl: timeline.New()}
		d.gw.onCharge = func(n int) error {
			if n > 1 {
				return nil
			}
			if d.killed {
				d.gw.tl.Point("call 1", "is killed")
				d.proxy.Reset()
			} else {
				d.gw.tl.Point("call 1", "its context ends")
			}
			cancel()
			return d.err
		}
		d.first = placeIn(ctx, d.instance, d.gw, d.user, d.key, shoes)
	})
	for _, d := range deaths {
		expect.That(t, len(d.gw.log()) > 0, expect.Message{
			Did:  "placed an order",
			Want: "a call of the gateway",
			Got:  "none; the answer was " + d.first.String(),
		})
		wantRecovery(t, db, own, d.gw, d.user, d.key, d.first, d.did)
	}
}

func TestACutConnectionLeavesOneOrder(t *testing.T) {
	_, own := shop(t)
	cuts := planCuts(t)
	inParallel(16, len(cuts), func(i int) {
		c := cuts[i]
		c.first = place(t, c.instance, c.gw, c.user, c.key, shoes)
		pg.Close(t, c.instance)
		c.proxy.Close()
	})
	rescue := pg.Pool(t)
	inParallel(len(cuts), len(cuts), func(i int) {
		c := cuts[i]
		c.last = settle(t, rescue, c.gw, c.user, c.key, shoes, settled)
	})
	for _, c := range cuts {
		wantOutcome(t, own, c.gw, c.user, c.first, c.last,
			"cut the connection to the database "+c.where+", and sent the request again")
	}
}

// cut is one call whose connection is cut.
type cut struct {
	where     string
	user, key string
	instance  *pgxpool.Pool
	proxy     *faultproxy.Proxy // between the instance and the database
	gw        *gateway

	first, last answer
}

// planCuts lets one call go through, to see what it and the database say to each other before and
// after the charge, and prepares a call for each place that makes a difference. A message that
// arrives in part is as good as none, and when an answer is lost it does not matter how much of it.
// So these are two for each message: in front of the last byte of the message, and in front of the
// last byte of its answer.
func planCuts(t *testing.T) (cuts []*cut) {
	t.Helper()
	proxy := newProxy(t)
	var charged [2]int
	gw := &gateway{onCharge: func(int) error { charged = passed(proxy); return nil }}
	instance := connected(t, proxy)
	began, ends := exchanges(proxy, func() {
		wantOrder(t, place(t, instance, gw, "user-00", "key-00", shoes), "placed an order")
	})
	for _, turn := range ends {
		from, phase := began, "before"
		if turn[faultproxy.ToServer] > charged[faultproxy.ToServer] {
			from, phase = charged, "after"
		}
		for dir, where := range []string{
			faultproxy.ToServer: "while message %d of the call was on its way, %s the charge",
			faultproxy.ToClient: "while the answer to message %d of the call was on its way back, " +
				"%s the charge",
		} {
			cuts = append(cuts, newCut(t, len(cuts)+1, faultproxy.Direction(dir),
				turn[dir]-from[dir]-1, phase == "after",
				fmt.Sprintf(where, len(cuts)/2+1, phase)))
		}
	}
	return cuts
}

// passed is how many bytes have gone through the proxy so far, by Direction.
func passed(proxy *faultproxy.Proxy) [2]int {
	return [2]int{faultproxy.ToServer: proxy.Passed(faultproxy.ToServer),
		faultproxy.ToClient: proxy.Passed(faultproxy.ToClient)}
}

// exchanges does something through the proxy, and returns what had passed before, and by the end of each answer.
func exchanges(proxy *faultproxy.Proxy, do func()) (began [2]int, ends [][2]int) {
	began, earlier := passed(proxy), len(proxy.Turns())
	do()
	for _, turn := range append(proxy.Turns()[earlier:], passed(proxy)) {
		if turn != began {
			ends = append(ends, turn)
		}
	}
	return began, ends
}

// connected is an instance that has a connection through the proxy already.
func connected(t *testing.T, proxy *faultproxy.Proxy) *pgxpool.Pool {
	t.Helper()
	instance := pg.PoolVia(t, proxy.Addr())
	pg.Exec(t, instance, `SELECT`)
	return instance
}

// newCut prepares a call whose connection is cut k bytes after the charge, or k bytes from now on.
func newCut(t *testing.T, n int, dir faultproxy.Direction, k int, afterCharge bool,
	where string) *cut {
	t.Helper()
	proxy := newProxy(t)
	c := &cut{
		where: where, user: fmt.Sprintf("user-%02d", n), key: fmt.Sprintf("key-%02d", n),
		proxy: proxy, instance: connected(t, proxy), gw: &gateway{tl: timeline.New()},
	}
	if !afterCharge {
		proxy.CutAfter(dir, k)
		return c
	}
	c.gw.onCharge = func(n int) error {
		if n == 1 {
			proxy.CutAfter(dir, k)
		}
		return nil
	}
	return c
}

func TestAGatewayErrorIsNoOutcome(t *testing.T) {
	db, own := shop(t)
	for _, failure := range []struct {
		user, key, what string
		err             error
	}{
		{"ann", "k1", "charged the card and answered too late: the call returned a timeout", fmt.Errorf("gateway: %w", context.DeadlineExceeded)},
		{"bob", "k2", "did not charge the card and returned an error that is not ErrDeclined", errNotCharged},
	} {
		gw := &gateway{tl: timeline.New(), onCharge: func(n int) error {
			if n == 1 {
				return failure.err
			}
			return nil
		}}
		did := "placed an order while the gateway " + failure.what
		first := place(t, db, gw, failure.user, failure.key, shoes)
		expect.That(t, first.failed(), expect.Message{
			Did: did,
			Want: "an error other than ErrDeclined, ErrMismatch and ErrInProgress, such as the " +
				"gateway's",
			Got: first.String(),
			Why: "after a timeout nobody knows whether the card was charged; whoever reports " +
				"either turns a guess into a fact",
		})
		other := shoes
		other.Cents++
		second := settle(t, db, gw, failure.user, failure.key, other, settled)
		expect.That(t, known.Is(second.err, orders.ErrMismatch) && len(gw.log()) == 1, expect.Message{
			Did:  did + "; then used the key for a request with another amount",
			Want: "ErrMismatch, and no other call of the gateway",
			Got:  second.String() + "; " + gw.String(),
			Why: "the key belongs to its first request, of which nobody knows yet what became: " +
				"that may be paid, and only its own retry can find out",
		})
		wantRecovery(t, db, own, gw, failure.user, failure.key, first, did)
	}
}

func TestAFailingGatewayIsAskedAgain(t *testing.T) {
	const failures = 5
	db, own := shop(t)
	gw := &gateway{onCharge: func(n int) error {
		if n <= failures {
			return errNotCharged
		}
		return nil
	}}
	for i := range failures {
		a := settle(t, db, gw, "ann", "k1", shoes, settled)
		expect.That(t, a.failed() && len(gw.log()) == i+1, expect.Message{
			Did: fmt.Sprintf("placed an order while the gateway failed, for the %s time", ordinal(i+1)),
			Want: "an error other than ErrDeclined, ErrMismatch and ErrInProgress, and one call more of the gateway: " +
				"each attempt asks it",
			Got: a.String() + "; " + gw.String(),
			Why: "after an error nobody knows whether the card was charged, however often that was so",
		})
	}
	wantRecovery(t, db, own, gw, "ann", "k1", answer{err: errNotCharged},
		fmt.Sprintf("had the gateway fail %d times for one key", failures))
}

func ordinal(n int) string {
	return [...]string{"first", "second", "third", "fourth", "fifth"}[n-1]
}

func TestADeclinedCardIsTheOutcome(t *testing.T) {
	db, own := shop(t)
	for i, no := range []struct {
		user, how string
		err       error
	}{
		{"ann", "with ErrDeclined", orders.ErrDeclined},
		{"bob", "with an error that wraps ErrDeclined", fmt.Errorf("card ending in 4242: %w", orders.ErrDeclined)},
		{
			"eve", "with an error that wraps ErrDeclined twice",
			fmt.Errorf("charge: %w", fmt.Errorf("card ending in 4242: %w", orders.ErrDeclined)),
		},
		{
			"kim", "with an error that joins ErrDeclined and another one",
			errors.Join(errors.New("card ending in 4242"), orders.ErrDeclined),
		},
	} {
		gw := &gateway{onCharge: func(n int) error {
			if n == 1 {
				return no.err
			}
			return nil
		}}
		declined := "placed an order that the gateway declined " + no.how
		first := place(t, db, gw, no.user, no.user+"-1", shoes)
		expect.That(t, known.Is(first.err, orders.ErrDeclined), expect.Message{
			Did:  declined,
			Want: "ErrDeclined",
			Got:  first.String(),
		})
		wantOrders(t, own, i, declined)
		wantDeclinedAgain(t, db, own, gw, no.user, declined, i)
		wantOrder(t, place(t, db, gw, no.user, no.user+"-2", shoes),
			declined+", and the same order with a new key")
	}
	declinedAndCut(t, db, "lea", "no statement reached the database any more", (*faultproxy.Proxy).Reset)
	declinedAndCut(t, db, "max", "statements reached the database and their answers were lost",
		(*faultproxy.Proxy).DropResponses)
}

// declinedAndCut has a connection break when the gateway has said no. Asked again, it would say yes.
func declinedAndCut(t *testing.T, db *pgxpool.Pool, user, how string, lose func(*faultproxy.Proxy)) {
	t.Helper()
	proxy := newProxy(t)
	instance := connected(t, proxy)
	gw := &gateway{tl: timeline.New(), onCharge: func(n int) error {
		if n > 1 {
			return nil
		}
		lose(proxy)
		return orders.ErrDeclined
	}}
	did := "placed an order that the gateway declined just when the connections to the database broke: " + how
	first := place(t, instance, gw, user, "k1", shoes)
	expect.That(t, first.err != nil, expect.Message{
		Did:     did,
		Want:    "ErrDeclined, if that is stored, or another error",
		Got:     first.String(),
		Why:     "nobody has paid, and there is no such order",
		Picture: gw.tl,
	})
	last := settle(t, db, gw, user, "k1", shoes, settled)
	expect.That(t, !known.Is(first.err, orders.ErrDeclined) || known.Is(last.err, orders.ErrDeclined), expect.Message{
		Did:  did + "; then sent the request again",
		Want: "ErrDeclined from the second call, as the first one has returned it",
		Got:  fmt.Sprintf("%v from the first call, %v from the second", first, last),
		Why: "a no that is told before it is stored is forgotten: the client believes that this order did not happen, " +
			"and the next retry pays for it",
		Picture: gw.tl,
	})
}

// wantDeclinedAgain repeats the user's first request, which was declined, and sends another one
// under its key. There are n orders by then, of others.
func wantDeclinedAgain(t *testing.T, db, own *pgxpool.Pool, gw *gateway, user, declined string,
	n int) {
	t.Helper()
	did := declined + ", and sent the request again with its key, to another instance"
	again := place(t, pg.Pool(t), gw, user, user+"-1", shoes)
	expect.That(t, known.Is(again.err, orders.ErrDeclined), expect.Message{
		Did:  did,
		Want: "ErrDeclined again, without asking the gateway",
		Got:  again.String() + "; " + gw.String(),
		Why: "the client has been told that this order did not happen; if its retry succeeds, " +
			"two parts of the system believe two things",
	})
	expect.That(t, len(gw.log()) == 1, expect.Message{
		Did:  did,
		Want: "the gateway called once, by the first call",
		Got:  gw.String(),
		Why:  "issuers block cards, and shops, that keep knocking after a no",
	})
	wantOrders(t, own, n, did)

	req := shoes
	req.Cents++
	other := place(t, db, gw, user, user+"-1", req)
	expect.That(t, known.Is(other.err, orders.ErrMismatch), expect.Message{
		Did:  declined + ", and used its key again for another request",
		Want: "ErrMismatch",
		Got:  other.String(),
		Why:  "the key belongs to the first request, whatever became of that",
	})
}

func TestAnInvalidRequestLeavesTheKeyFree(t *testing.T) {
	db, own := shop(t)
	for i, qty := range []int{0, -1} {
		gw, user, key := &gateway{}, fmt.Sprintf("user-%d", i), fmt.Sprintf("k%d", i)
		req := shoes
		req.Qty = qty
		did := fmt.Sprintf("sent a request with the quantity %d", qty)
		got := place(t, db, gw, user, key, req)
		expect.That(t, got.failed(), expect.Message{
			Did:  did,
			Want: "an error other than ErrDeclined, ErrMismatch and ErrInProgress",
			Got:  got.String(),
		})
		expect.That(t, len(gw.log()) == 0, expect.Message{
			Did:  did,
			Want: "the gateway not called",
			Got:  gw.String(),
			Why:  "the customer has paid for an order that cannot exist",
		})
		wantOrders(t, own, i, did)

		req.Qty = 1
		did += ", then the same with the quantity 1 and the same key"
		fixed := place(t, db, gw, user, key, req)
		expect.That(t, fixed.err == nil, expect.Message{
			Did:  did,
			Want: "an order",
			Got:  fixed.String(),
			Why: "nothing came of the first request, so there is nothing to protect; a typo " +
				"must not spoil the key for a day",
		})
		wantOrders(t, own, i+1, did)
		wantCharges(t, gw, 1, did)
	}
	free := shoes
	free.Cents = 0
	wantOrder(t, place(t, db, &gateway{}, "zoe", "free", free),
		"sent a request for 0 cents, which is not invalid: a voucher has paid for all of it")
	many := shoes
	many.Qty, many.Cents = 1_000_000, 2_000_000_000
	wantOrder(t, place(t, db, &gateway{}, "zoe", "many", many), "sent a request for a million, which is not invalid either")
}

func TestReapForgetsOldKeysOnly(t *testing.T) {
	db, own := shop(t)
	// Ages are of real time. When the machine is so busy that the young key is not young any more
	// when Reap looks, nothing can be told: once more, with longer times.
	for wait := 50 * time.Millisecond; !reapedInTime(t, db, own, wait); wait *= 3 {
	}

	const keys, wait = 250, 50 * time.Millisecond
	emptyTables(t, own)
	inParallel(4, keys, func(i int) { place(t, db, &gateway{}, "ann", fmt.Sprint("night-", i), shoes) })
	<-time.After(wait) // nothing to wait for: the keys must grow old
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := orders.Reap(gone, db, wait*4/5)
	expect.That(t, n == keys || err != nil, expect.Message{
		Did:  fmt.Sprintf("used %d keys, and called Reap %v later with a context that had ended", keys, wait),
		Want: fmt.Sprintf("%d keys removed, or an error", keys),
		Got:  reaped(n, err),
		Why:  "a job that could not do its work and says that there was none is looked at when the disk is full",
	})
	if err == nil {
		return // they are gone
	}
	n, err = reap(t, db, wait*4/5)
	expect.That(t, n == keys && err == nil, expect.Message{
		Did:  fmt.Sprintf("used %d keys, and called Reap(%v) %v later", keys, wait*4/5, wait),
		Want: fmt.Sprintf("%d keys removed: all that are old enough", keys),
		Got:  reaped(n, err),
		Why: "a job that runs once a night and leaves some of the keys each time falls further behind " +
			"with every day of good business",
	})
}

func reapedInTime(t *testing.T, db, own *pgxpool.Pool, wait time.Duration) bool {
	t.Helper()
	emptyTables(t, own)
	gw, limit := &gateway{}, wait*4/5
	old := place(t, db, gw, "ann", "old", shoes)
	wantOrder(t, old, "placed an order")
	late := withoutOutcomes(t, db)
	<-time.After(wait) // nothing to wait for: the key must grow old

	n, err := reap(t, db, 24*time.Hour)
	expect.That(t, n == 0 && err == nil, expect.Message{
		Did:  fmt.Sprintf("called Reap(24h) when all keys were first used %v ago", wait),
		Want: "0 keys removed",
		Got:  reaped(n, err),
		Why:  "clients retry for hours; once its key is forgotten, a retry is a second order",
	})
	start := time.Now()
	young := place(t, db, gw, "ann", "young", shoes)
	wantOrder(t, young, "placed an order")
	again := place(t, db, gw, "ann", "old", shoes)
	expect.That(t, again.is(old), expect.Message{
		Did: fmt.Sprintf("called Reap(24h) and repeated a request that was first made %v ago",
			wait),
		Want: old.String() + " again",
		Got:  again.String(),
		Why:  "clients retry for hours; once its key is forgotten, a retry is a second order",
	})
	place(t, db, gw, "bob", "declined", shoes)
	other := shoes
	other.Qty++
	for i := range 2 {
		place(t, db, gw, "bob", fmt.Sprint("unknown", i), other)
	}
	retried := settle(t, db, late, "eve", "late", shoes, settled)
	wantOrder(t, retried, "placed an order at a gateway that fails, and once more")
	n, err = reap(t, db, limit)
	if time.Since(start) >= limit {
		return false
	}
	did := fmt.Sprintf("used six keys, of which one led to an order, one to ErrDeclined and four "+
		"to an error of the gateway; %v later used another one, and the first two and the last of the "+
		"six again and two more of them for another request, and called Reap(%v) at once", wait, limit)
	expect.That(t, n == 6 && err == nil, expect.Message{
		Did:  did,
		Want: "6 keys removed: each is as old as its first use, whatever came of that",
		Got:  reaped(n, err),
		Why: "keys that stay for ever fill the disk; and if every use made a key young again, " +
			"one client in a loop would keep its key for ever",
	})
	wantOrders(t, own, 3, did)
	again = place(t, db, gw, "ann", "young", shoes)
	expect.That(t, again.is(young), expect.Message{
		Did:  did + ", then repeated the request of the second key",
		Want: young.String() + " again: that key was not old enough",
		Got:  again.String(),
		Why:  "a retry whose key was forgotten is a second order",
	})

	did += ", then placed an order with the first key"
	fresh := place(t, db, gw, "ann", "old", shoes)
	wantOrder(t, fresh, did)
	expect.That(t, !fresh.is(old), expect.Message{
		Did:  did,
		Want: "a new order",
		Got:  old.String() + ", that of the key's first life",
		Why: "what is forgotten must be forgotten everywhere; here the customer's new order is " +
			"lost",
	})
	wantOrders(t, own, 4, did)
	wantCharges(t, gw, 3, did)
	return true
}

// withoutOutcomes uses five keys that lead to no order. late is the gateway of the last one, which
// charges when it is asked again.
func withoutOutcomes(t *testing.T, db *pgxpool.Pool) (late *gateway) {
	t.Helper()
	failing := func(err error) *gateway {
		return &gateway{onCharge: func(n int) error {
			if n == 1 {
				return err
			}
			return nil
		}}
	}
	place(t, db, failing(orders.ErrDeclined), "bob", "declined", shoes)
	for i := range 3 {
		place(t, db, failing(errNotCharged), "bob", fmt.Sprint("unknown", i), shoes)
	}
	late = failing(errNotCharged)
	place(t, db, late, "eve", "late", shoes)
	return late
}

func TestASlowCallIsOvertakenWithoutHarm(t *testing.T) {
	db, own := shop(t)
	slow := []*slowCall{
		{user: "ann", end: "let the first call go on"},
		{
			user: "bob", end: "let the first call fail with a timeout of the gateway",
			err: fmt.Errorf("gateway: %w", context.DeadlineExceeded),
		},
	}
	for _, s := range slow {
		s.begin(t, db)
		defer s.release()
	}
	other := pg.Pool(t)
	inParallel(len(slow), len(slow), func(i int) { slow[i].overtake(t, other) })
	for _, s := range slow {
		expect.That(t, s.first.err == nil || known.Is(s.first.err, orders.ErrInProgress) ||
			s.err != nil && s.first.failed(), expect.Message{
			Did:  s.did,
			Want: "from the first call the order, too, or ErrInProgress" + s.orTheError(),
			Got:  s.first.String(),
			Why:  "its client asks about the order that is there, and must not be told that it failed",
		})
		wantOutcome(t, own, s.gw, s.user, s.first, s.second, s.did)
		asked := len(s.gw.log())
		third := settle(t, other, s.gw, s.user, "k1", shoes, settled)
		s.did += "; then sent the request a third time"
		expect.That(t, third.is(s.second) && len(s.gw.log()) == asked, expect.Message{
			Did:     s.did,
			Want:    s.second.String() + " again, without asking the gateway",
			Got:     fmt.Sprintf("%v; %v", third, s.gw),
			Why:     "how a call ended that had been overtaken says nothing about the order, which was there by then",
			Picture: s.gw.tl,
		})
		wantOutcome(t, own, s.gw, s.user, s.first, third, s.did)
	}
}

// slowCall waits at the gateway until another call with its key has overtaken it, if that can be.
type slowCall struct {
	user, end string
	err       error // of the gateway, in the end

	gw      *gateway
	release func()
	call    <-chan answer

	first, second answer
	did           string
}

func (s *slowCall) begin(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	var charging <-chan struct{}
	s.gw, charging, s.release = slowGateway(s.err)
	s.call = inBackground(func() answer { return place(t, db, s.gw, s.user, "k1", shoes) })
	awaitCharge(t, charging, s.call)
}

// overtake sends the request again. The lock that a dead call leaves runs out within 2 s, and that of a slow call may,
// too. One that lasts as long as its call does holds the second call up until the first goes on.
func (s *slowCall) overtake(t *testing.T, other *pgxpool.Pool) {
	t.Helper()
	second := inBackground(func() answer { return settle(t, other, s.gw, s.user, "k1", shoes, 2*settled) })
	s.did = "had a call wait at the gateway, sent the request again to another instance, and " + s.end
	select {
	case s.second = <-second:
		s.did += ", after the second had got " + s.second.String()
		s.release()
	case <-time.After(settled):
		s.release()
		s.second = <-second
	}
	s.first = <-s.call
}

func (s *slowCall) orTheError() string {
	if s.err == nil {
		return ""
	}
	return ", or an error that is none of the three"
}

func TestOtherKeysDoNotWait(t *testing.T) {
	db, _ := shop(t)
	other := pg.Pool(t)
	gw, charging, release := slowGateway(nil)
	defer release()
	slow := inBackground(func() answer { return place(t, db, gw, "ann", "k1", shoes) })
	awaitCharge(t, charging, slow)
	for _, o := range []struct {
		user, key string
		instance  *pgxpool.Pool
	}{{"ann", "k2", db}, {"bob", "k3", db}, {"ann", "k4", other}, {"bob", "k5", other}, {"bob", "k1", other}} {
		a := place(t, o.instance, &gateway{}, o.user, o.key, shoes)
		expect.That(t, a.err == nil, expect.Message{
			Did: fmt.Sprintf(
				"placed an order as %s with key %s while the gateway had a call of ann's with "+
					"key k1 wait", o.user, o.key),
			Want: "an order, without waiting for that call",
			Got:  a.String(),
			Why: "a lock that covers more than one key makes every customer wait for the " +
				"slowest bank",
		})
	}
	release()
	<-slow
}

func TestNothingIsRememberedOutsideTheDatabase(t *testing.T) {
	db, own := shop(t)
	gw := &gateway{}
	first := place(t, db, gw, "ann", "k1", shoes)
	wantOrder(t, first, "placed an order")
	emptyTables(t, own)
	did := "placed an order, emptied all tables, and sent the request again with its key to the " +
		"same instance"
	again := place(t, db, gw, "ann", "k1", shoes)
	wantOrder(t, again, did)
	n := pg.Count(t, own, `SELECT count(*) FROM orders WHERE id = $1`, again.id)
	expect.That(t, n == 1, expect.Message{
		Did:  did,
		Want: "a new order: nothing knows of the first any more",
		Got:  again.String() + ", of which the database has no row",
		Why: "what one process keeps in memory, the others do not know, and nobody does after " +
			"a deploy; the check empties the tables because it cannot restart itself",
	})
}

// gateway charges cards, once for each key. What it was asked for can be looked up.
type gateway struct {
	// onCharge is called in the n-th call (1, 2, …) and gives its error; it may wait. The card is
	// charged even so, unless the error is errNotCharged or ErrDeclined.
	onCharge func(n int) error

	tl *timeline.Timeline // on which the calls of CreateOrder are drawn, or nil

	mu    sync.Mutex
	calls []charge
	made  int // calls of CreateOrder
}

// lane is that of the call of CreateOrder that charges, as its context tells.
type lane struct{}

// draw draws one call on a lane of its own.
func (g *gateway) draw(what string, call func(on string) answer) (a answer) {
	g.mu.Lock()
	g.made++
	on := fmt.Sprint("call ", g.made)
	g.mu.Unlock()
	span := g.tl.Begin(on, "%s", what)
	a = call(on)
	a.lane, a.end = on, span.End("%v", a)
	return a
}

type charge struct {
	key   string
	cents int
	made  bool
}

var errNotCharged = errors.New("gateway: 502 Bad Gateway")

func (g *gateway) Charge(ctx context.Context, key string, cents int) (err error) {
	from, known := ctx.Value(lane{}).(string)
	if !known {
		from = "some call" // with a context that it has made anew
	}
	asked := g.tl.Send(from, "gateway", "pay with key %s", short(key))
	g.mu.Lock()
	g.calls = append(g.calls, charge{key, cents, false})
	n := len(g.calls)
	g.mu.Unlock()
	asked.Came()
	if g.onCharge != nil {
		err = g.onCharge(n)
	}
	g.mu.Lock()
	paid := !errors.Is(err, errNotCharged) && !errors.Is(err, orders.ErrDeclined)
	g.calls[n-1].made = paid
	g.mu.Unlock()
	if paid {
		all := g.charges()
		if step := g.tl.Point(from, "paid %s by now", times(all)); all > 1 {
			step.Breaks()
		}
	}
	return err
}

// short is a key as it is drawn.
func short(key string) string {
	if len(key) > 10 {
		return key[:9] + "…"
	}
	return key
}

// onlyLanes is the timeline with these lanes alone.
func onlyLanes(tl *timeline.Timeline, names ...string) *timeline.Timeline {
	all := tl.Picture()
	few := timeline.Picture{Lanes: names}
	for _, s := range all.Steps {
		at, other := slices.Index(names, all.Lanes[s.Lane]), slices.Index(names, all.Lanes[s.Other])
		if at < 0 || (other < 0 && (s.Kind == timeline.Sent || s.Kind == timeline.Came || s.Kind == timeline.Lost)) {
			continue
		}
		s.Lane, s.Other = at, max(other, 0)
		few.Steps = append(few.Steps, s)
	}
	return timeline.From(few)
}

// twoWhoDiffer are the lanes of two calls that got different answers, and of the gateway: of calls that made
// different orders, if there are any.
func twoWhoDiffer(answers []answer) []string {
	first := answers[0]
	for _, a := range answers {
		if a.err == nil && (first.err != nil || a.id < first.id) {
			first = a
		}
	}
	second := first
	for _, a := range answers {
		if a.lane != first.lane && (second.lane == first.lane || second.err != nil) && a.id != first.id {
			second = a
		}
	}
	if first.err == nil && second.err == nil && first.id != second.id {
		second.end.Breaks()
	}
	return []string{first.lane, second.lane, "gateway"}
}

func (g *gateway) log() []charge {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.calls)
}

// charges is how often the card was charged: calls with one key charge it once.
func (g *gateway) charges() int {
	var keys []string
	for _, c := range g.log() {
		if c.made {
			keys = appendNew(keys, c.key)
		}
	}
	return len(keys)
}

func (g *gateway) String() string {
	calls := g.log()
	text := make([]string, 0, len(calls))
	for i, c := range calls {
		if i == 3 {
			text = append(text, "…")
			break
		}
		text = append(text, fmt.Sprintf("%d cents with key %q", c.cents, c.key))
	}
	if len(calls) == 0 {
		return "the gateway not called"
	}
	return fmt.Sprintf("the gateway called %s: %s", times(len(calls)), strings.Join(text, ", "))
}

// slowGateway keeps its first call until it is released, when it charges the card and gives the error, and closes
// charging when it has come.
func slowGateway(err error) (gw *gateway, charging <-chan struct{}, release func()) {
	came, released := make(chan struct{}), make(chan struct{})
	gw = &gateway{tl: timeline.New(), onCharge: func(n int) error {
		if n == 1 {
			close(came)
			<-released
			return err
		}
		return nil
	}}
	return gw, came, sync.OnceFunc(func() { close(released) })
}

func awaitCharge(t *testing.T, charging <-chan struct{}, call <-chan answer) {
	t.Helper()
	select {
	case <-charging:
	case a := <-call:
		expect.Fatal(t, expect.Message{Did: "placed an order", Want: "a call of the gateway",
			Got: "none; the answer was " + a.String()})
	}
}

// answer is what a call of CreateOrder returned.
type answer struct {
	id  int64
	err error

	lane string            // on which the call is drawn
	end  timeline.Recorded // of the call
}

var errHangs = fmt.Errorf("no answer within %v", patience)

func (a answer) String() string {
	switch {
	case a.err == nil:
		return fmt.Sprintf("order %d", a.id)
	case errors.Is(a.err, errHangs):
		return a.err.Error()
	}
	return known.Say(a.err)
}

// known are the errors that a client is answered with in different ways.
var known = sentinel.Errors{"ErrMismatch": orders.ErrMismatch,
	"ErrInProgress": orders.ErrInProgress, "ErrDeclined": orders.ErrDeclined}

// is reports whether two answers are the same order.
func (a answer) is(b answer) bool { return a.err == nil && b.err == nil && a.id == b.id }

// failed reports whether the answer is an error that has no meaning of its own.
func (a answer) failed() bool { return known.None(a.err) && !errors.Is(a.err, errHangs) }

// place makes one call of CreateOrder.
func place(t *testing.T, db *pgxpool.Pool, gw *gateway, user, key string,
	req orders.OrderReq) answer {
	return placeIn(t.Context(), db, gw, user, key, req)
}

func placeIn(ctx context.Context, db *pgxpool.Pool, gw *gateway, user, key string,
	req orders.OrderReq) answer {
	return gw.draw("CreateOrder", func(on string) answer {
		return call(context.WithValue(ctx, lane{}, on), db, gw, user, key, req)
	})
}

func call(ctx context.Context, db *pgxpool.Pool, gw *gateway, user, key string,
	req orders.OrderReq) answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := inBackground(func() answer {
		res, err := orders.CreateOrder(ctx, db, gw, user, key, req)
		return answer{id: res.OrderID, err: err}
	})
	select {
	case a := <-done:
		if a.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			a.err = fmt.Errorf("%w; then %w", errHangs, a.err)
		}
		return a
	case <-time.After(patience + time.Second): // it does not heed its context
		return answer{err: errHangs}
	}
}

// settle sends a request as a client does that wants to know: again and again, until the answer is
// not ErrInProgress. It gives up with a call that has begun later than atMost.
func settle(t *testing.T, db *pgxpool.Pool, gw *gateway, user, key string,
	req orders.OrderReq, atMost time.Duration) answer {
	return gw.draw("asks until it knows", func(on string) answer {
		ctx, start := context.WithValue(t.Context(), lane{}, on), time.Now()
		for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
			late := time.Since(start) > atMost
			a := call(ctx, db, gw, user, key, req)
			if !known.Is(a.err, orders.ErrInProgress) || late {
				return a
			}
			<-time.After(pause)
		}
	})
}

// shop makes the tables. db is the pool of the first instance; others are made with pg.Pool. own is
// for the check's own queries, and no call can exhaust it.
func shop(t *testing.T) (db, own *pgxpool.Pool) {
	t.Helper()
	own = pg.Pool(t)
	pg.Exec(t, own, `CREATE TABLE orders (
		id         bigserial   PRIMARY KEY,
		user_id    text        NOT NULL,
		sku        text        NOT NULL,
		qty        int         NOT NULL CHECK (qty > 0),
		cents      int         NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now()
	)`)
	// An order's id is no other number, and all ids are equally long.
	pg.Exec(t, own, `ALTER SEQUENCE orders_id_seq RESTART 1000`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := own.Exec(ctx, orders.Schema())
	expect.NoError(t, err, expect.Message{
		Did:  "executed what Schema() returns in a database in which the table orders exists",
		Want: "no error",
	})
	return pg.Pool(t), own
}

// emptyTables empties whatever tables there are.
func emptyTables(t *testing.T, own *pgxpool.Pool) {
	t.Helper()
	pg.Exec(t, own, `DO $$ BEGIN EXECUTE (
		SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
	); END $$`)
}

// connectAll opens all connections of a pool.
func connectAll(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	n := int(db.Config().MaxConns)
	all := newGate(n)
	inParallel(n, n, func(int) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if conn, err := db.Acquire(ctx); err == nil {
			all.arrive()
			all.wait(patience)
			conn.Release()
		}
	})
}

func newProxy(t *testing.T) *faultproxy.Proxy {
	t.Helper()
	network, addr := pg.Server(t)
	return faultproxy.New(t, network, addr)
}

func wantOrder(t *testing.T, a answer, did string) {
	t.Helper()
	expect.That(t, a.err == nil, expect.Message{Did: did, Want: "an order", Got: a.String()})
}

// wantOrders looks for n rows in orders, of all users.
func wantOrders(t *testing.T, own *pgxpool.Pool, n int, did string, drawn ...*timeline.Timeline) {
	t.Helper()
	got := pg.Count(t, own, `SELECT count(*) FROM orders`)
	m := expect.Message{
		Did:  did,
		Want: rows(n) + " in orders",
		Got:  rows(got),
		Why:  "each row is packed and shipped",
	}
	for _, tl := range drawn {
		m.Picture = tl
	}
	expect.That(t, got == n, m)
}

func wantCharges(t *testing.T, gw *gateway, n int, did string) {
	t.Helper()
	got := gw.charges()
	expect.That(t, got == n, expect.Message{
		Did: did,
		Want: fmt.Sprintf("the card charged %s: the gateway charges it once for each key that "+
			"it is given", times(n)),
		Got: fmt.Sprintf("charged %s; %v", times(got), gw),
		Why: "to the gateway a new key is a new purchase, and a key that it knows is the old " +
			"one: whoever chooses that key decides how often the card pays",
		Picture: gw.tl,
	})
}

// wantRecovery sends a request again after its first call has died or failed, to another instance,
// and wants one order and one charge in the end.
func wantRecovery(t *testing.T, db, own *pgxpool.Pool, gw *gateway, user, key string, first answer,
	did string) {
	t.Helper()
	last := settle(t, db, gw, user, key, shoes, settled)
	wantOutcome(t, own, gw, user, first, last, did+"; then sent the request again")
}

// wantOutcome holds the answers to the first and to the last call of a key against what is in the
// database, where the user has no other orders.
func wantOutcome(t *testing.T, own *pgxpool.Pool, gw *gateway, user string, first, last answer,
	did string) {
	t.Helper()
	n := pg.Count(t, own, `SELECT count(*) FROM orders WHERE user_id = $1`, user)
	if gw.charges() == 1 { // otherwise the second charge is the step that breaks the promise
		last.end.Breaks()
	}
	expect.That(t, last.err == nil, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("an order, after ErrInProgress for at most %v", abandoned),
		Got:  last.String(),
		Why: "the money may be gone by now, and only a retry that can finish what was begun " +
			"gets the customer anything for it; a key that stays locked, or remembers a failure " +
			"that was none, locks the customer out",
		Picture: gw.tl,
	})
	expect.That(t, n == 1, expect.Message{
		Did:  did,
		Want: "1 row in orders",
		Got:  fmt.Sprintf("%s; the first call returned %v, the last one %v", rows(n), first, last),
		Why: "a statement whose answer is lost may have been executed or not, and a call that " +
			"is late may still write: only what is decided in the database, in one transaction, " +
			"is decided once",
		Picture: gw.tl,
	})
	id := pg.Value[int64](t, own, `SELECT id FROM orders WHERE user_id = $1`, user)
	expect.That(t, last.id == id && (first.err != nil || first.id == id), expect.Message{
		Did: did,
		Want: fmt.Sprintf("order %d, which is the one in the database, from each call that "+
			"returned no error", id),
		Got:     fmt.Sprintf("%v from the first call, %v from the last one", first, last),
		Why:     "whoever looks for an order by an id that it was told must find it",
		Picture: gw.tl,
	})
	wantCharges(t, gw, 1, did)
}

func rows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// reap calls Reap, and not for ever.
func reap(t *testing.T, db *pgxpool.Pool, olderThan time.Duration) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return orders.Reap(ctx, db, olderThan)
}

func reaped(n int, err error) string {
	if err != nil {
		return "the error: " + err.Error()
	}
	if n == 1 {
		return "1 key removed"
	}
	return fmt.Sprintf("%d keys removed", n)
}

// gate is opened by the n-th arrival.
type gate struct {
	mu   sync.Mutex
	left int
	open chan struct{}
}

func newGate(n int) *gate { return &gate{left: n, open: make(chan struct{})} }

func (g *gate) arrive() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left--; g.left == 0 {
		close(g.open)
	}
}

// wait waits until the gate is open, and not for ever.
func (g *gate) wait(atMost time.Duration) {
	select {
	case <-g.open:
	case <-time.After(atMost):
	}
}

func inBackground(f func() answer) <-chan answer {
	done := make(chan answer, 1)
	go func() { done <- f() }()
	return done
}

// inParallel calls f(0) to f(n-1), as many at a time as there are workers.
func inParallel(workers, n int, f func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
