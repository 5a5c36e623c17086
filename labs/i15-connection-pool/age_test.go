package pool_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	pool "github.com/backend-labs/backend-labs/labs/i15-connection-pool"
)

func TestUnhealthyOnesAreClosed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(2))
		a := borrow(t, p, "borrowed one", "")
		give(p, a, false)
		const why = "its socket is dead, or in the middle of something: whoever gets it next gets " +
			"an error, or somebody else's answer"
		closed(t, s, "gave an unhealthy connection back", []int{1}, why)
		stats(t, p, "gave an unhealthy connection back", 0, 0, 0)
		b := borrow(t, p, "gave an unhealthy one back, and borrowed", "")
		expect.That(t, b != a, expect.Message{Did: "gave an unhealthy connection back, and " +
			"borrowed", Want: "another one", Got: "the same one", Why: why})
		s.right(t, "gave an unhealthy connection back", 2)
	})
}

// TestAPlaceIsFreeWhenTheCloseIsDone has closes of a second.
func TestAPlaceIsFreeWhenTheCloseIsDone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(2))
		a := borrow(t, p, "borrowed one", "")
		b := borrow(t, p, "borrowed two", "")
		first, second := come(t.Context(), p), come(t.Context(), p)
		s.is(nil, 0, time.Second)
		give(p, a, false)
		time.Sleep(999 * time.Millisecond)
		const did = "let two wait for two lent connections, and gave an unhealthy one back, whose " +
			"close takes 1 s; "
		first.waits(t, did+"after 999 ms", "for the server the old connection is still there, and "+
			"one more would be too many")
		time.Sleep(time.Millisecond)
		first.served(t, did+"after 1 s", time.Second, "the place is free, and the first in line "+
			"waits for it: if nobody tells it, it waits for ever")
		second.waits(t, did+"the second", "one place is for one")
		give(p, b, true)
		second.served(t, did+"and then a healthy one", time.Second, "")
		s.right(t, did, 2)
	})
}

// TestASlowCloseHoldsUpNobody has one close, and another connection.
func TestASlowCloseHoldsUpNobody(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const why = "a close waits for the other side, which may be gone; whoever could have " +
			"another connection has nothing to do with that"
		for _, oldFirst := range []bool{false, true} {
			oneOfTwoGrowsOld(t, 2, oldFirst, why)
			oneOfTwoGrowsOld(t, 3, oldFirst, why)
		}
		s := &server{}
		p := pool.New(s.config(2))
		a, b := borrow(t, p, "borrowed one", ""), borrow(t, p, "borrowed two", "")
		s.is(nil, 0, 10*time.Second)
		give(p, a, false)
		give(p, b, true)
		did := "gave one connection back unhealthy, whose Close takes 10 s, and a second one healthy; "
		borrow(t, p, did+"then borrowed", why)
		s.right(t, did, 2)
	})
}

func oneOfTwoGrowsOld(t *testing.T, most int, oldFirst bool, why string) {
	t.Helper()
	s := &server{}
	config := s.config(most)
	config.MaxLifetime = time.Minute
	p := pool.New(config)
	old := borrow(t, p, "borrowed one", "")
	time.Sleep(30 * time.Second)
	young := borrow(t, p, "borrowed a second one, 30 s later", "")
	s.is(nil, 0, 10*time.Second)
	if oldFirst {
		give(p, old, true)
	}
	give(p, young, true)
	if !oldFirst {
		give(p, old, true)
	}
	time.Sleep(31 * time.Second)
	did := fmt.Sprintf("with Max: %d, let one of two idle connections grow too old, with a Close that takes 10 s, and ",
		most)
	c := borrow(t, p, did+"borrowed", why)
	expect.That(t, c == young, expect.Message{Did: did + "borrowed", Want: "the other one",
		Got: name(c), Why: forEver})
	next := come(t.Context(), p)
	give(p, c, true)
	next.served(t, did+"let somebody wait for the other one", 0, why)
	s.right(t, did, most)
}

func closed(t *testing.T, s *server, did string, want []int, why string) {
	t.Helper()
	synctest.Wait()
	_, _, _, got := s.seen()
	expect.That(t, slices.Equal(got, want), expect.Message{
		Did: did, Want: fmt.Sprintf("closed: connections %v", want),
		Got: fmt.Sprintf("closed: %v", got), Why: why,
	})
}

// TestIdleForTooLong counts from the last release.
func TestIdleForTooLong(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, limit := range []time.Duration{5 * time.Minute, 1500 * time.Millisecond} {
			s := &server{}
			config := s.config(1)
			config.IdleTimeout = limit
			p := pool.New(config)
			did := fmt.Sprintf("with an IdleTimeout of %v, ", limit)
			const why = "firewalls and servers drop what is silent for long, and do not say so: " +
				"whoever gets it waits for an answer that never comes"
			c := borrow(t, p, did+"borrowed", "")
			for range 3 {
				time.Sleep(limit * 4 / 5) // in use: that is not idle
				release(p, c)
				time.Sleep(limit - time.Millisecond)
				again := borrow(t, p, did+"borrowed again", "")
				expect.That(t, again == c, expect.Message{
					Did:  did + "used one for a while, and let it be idle for 1 ms less",
					Want: "the same connection", Got: "another one",
					Why: "closed too early, it is dialled again and again: that is what the pool " +
						"should save",
				})
			}
			time.Sleep(2 * limit)
			release(p, c)
			time.Sleep(limit + time.Millisecond)
			again := borrow(t, p, did+"let one be idle for 1 ms more, and borrowed", "")
			expect.That(t, again != c, expect.Message{
				Did:  did + "let one be idle for 1 ms more",
				Want: "another connection", Got: "the same one", Why: why,
			})
			closed(t, s, did+"let one be idle for 1 ms more, and borrowed", []int{1},
				"what is not closed stays open at the server")
			release(p, again)
			released := again
			again = borrow(t, p, did+"borrowed again", "")
			expect.That(t, again == released, expect.Message{Did: did + "gave one back, and borrowed at once",
				Want: "the same connection", Got: "another one",
				Why: "closed too early, it is dialled again and again"})
			next := come(t.Context(), p)
			time.Sleep(2 * limit)
			give(p, again, true)
			passed := did + "used one for twice as long, and gave it back while somebody waited"
			expect.That(t, next.served(t, passed, 2*limit, "") == again, expect.Message{
				Did: passed, Want: "it goes to who waited", Got: "another one was dialled for that",
				Why: "in use it was not idle, and it has just been given back"})
			s.right(t, did, 1)
		}
	})
	virtual(t, func(t *testing.T) {
		severalGrowOld(t, time.Minute, 0)
		severalGrowOld(t, 0, time.Hour)
		const days = 40 * 24 * time.Hour
		oldInDays(t, days, 0)
		oldInDays(t, 0, days)
	})
}

// oldInDays has a limit that is longer than 32 bits count milliseconds.
func oldInDays(t *testing.T, idleTimeout, maxLifetime time.Duration) {
	t.Helper()
	s := &server{}
	config := s.config(1)
	config.IdleTimeout, config.MaxLifetime = idleTimeout, maxLifetime
	p := pool.New(config)
	limit := max(idleTimeout, maxLifetime)
	did := fmt.Sprintf("with an IdleTimeout of %v and a MaxLifetime of %v, used one once, and borrowed ",
		idleTimeout, maxLifetime)
	first := borrow(t, p, "borrowed", "")
	begun := time.Now()
	for _, after := range []time.Duration{0, limit - time.Millisecond} {
		release(p, first)
		time.Sleep(time.Until(begun.Add(after)))
		c := borrow(t, p, did+after.String()+" later", "")
		expect.That(t, c == first, expect.Message{Did: did + after.String() + " later",
			Want: "the same connection", Got: "another one", Why: "closed too early, it is dialled for nothing"})
	}
	release(p, first)
	time.Sleep(limit + time.Millisecond)
	c := borrow(t, p, did+"when the limit was over for long", "")
	expect.That(t, c != first, expect.Message{Did: did + "when the limit was over for long",
		Want: "another connection", Got: "the same one", Why: "a limit is a limit, however long it is"})
}

// severalGrowOld lets three of three be idle for too long, or live for too long.
func severalGrowOld(t *testing.T, idleTimeout, maxLifetime time.Duration) {
	t.Helper()
	s := &server{}
	config := s.config(3)
	config.IdleTimeout, config.MaxLifetime = idleTimeout, maxLifetime
	p := pool.New(config)
	var old []*pool.Conn
	for range 3 {
		old = append(old, borrow(t, p, "borrowed one of three", ""))
	}
	for _, c := range old {
		release(p, c)
	}
	time.Sleep(time.Hour + time.Millisecond)
	did := fmt.Sprintf("with an IdleTimeout of %v and a MaxLifetime of %v, gave three back, and 1 h and 1 ms later "+
		"borrowed three", idleTimeout, maxLifetime)
	for range 3 {
		c := borrow(t, p, did, "")
		expect.That(t, !slices.Contains(old, c), expect.Message{Did: did, Want: "three new connections",
			Got: name(c) + ", one of the old ones",
			Why: "each of them is closed instead of lent: if one is silent for too long, those beside it are, too"})
	}
	closed(t, s, did, []int{1, 2, 3}, "what is not closed stays open at the server")
	s.right(t, did, 3)
}

// TestNobodyLivesForEver has one that is always in use, and one that is lent for too long.
func TestNobodyLivesForEver(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, limit := range []time.Duration{time.Hour, 1500 * time.Millisecond} {
			s := &server{}
			config := s.config(1)
			config.MaxLifetime = limit
			p := pool.New(config)
			did := fmt.Sprintf("with a MaxLifetime of %v, lent one for 1 ms longer, and gave it "+
				"back", limit)
			c := borrow(t, p, "borrowed", "")
			time.Sleep(limit + time.Millisecond)
			give(p, c, true)
			closed(t, s, did, []int{1}, "it is too old, and known to be: why keep it")
			stats(t, p, did, 0, 0, 0)

			c = borrow(t, p, "borrowed", "")
			waiting := come(t.Context(), p)
			time.Sleep(limit + time.Millisecond)
			give(p, c, true)
			next := waiting.served(t, did+" while somebody waited", limit+time.Millisecond, "")
			expect.That(t, next != c, expect.Message{
				Did: did + " while somebody waited", Want: "a new connection for that one",
				Got: "the old one", Why: forEver,
			})
			s.right(t, did, 1)
			grownOld(t, limit)
			oldAndStillThere(t, limit)
			usedAllTheTime(t, limit)
			unhealthyAndOld(t, limit)
			olderThanIdle(t, limit)
		}
	})
}

// unhealthyAndOld gives one back that is both.
func unhealthyAndOld(t *testing.T, limit time.Duration) {
	t.Helper()
	s := &server{}
	config := s.config(1)
	config.MaxLifetime = limit
	p := pool.New(config)
	c := borrow(t, p, "borrowed", "")
	time.Sleep(limit + time.Millisecond)
	give(p, c, false)
	did := fmt.Sprintf("with a MaxLifetime of %v, gave one back that is too old and unhealthy, too", limit)
	closed(t, s, did, []int{1}, "two reasons to close it are one close")
	borrow(t, p, did+", and borrowed one", "")
	come(t.Context(), p).waits(t, did+", and borrowed two, with Max: 1", "one close frees one place")
	s.right(t, did, 1)
}

// olderThanIdle has an IdleTimeout that is longer than the lifetime.
func olderThanIdle(t *testing.T, limit time.Duration) {
	t.Helper()
	s := &server{}
	config := s.config(1)
	config.MaxLifetime, config.IdleTimeout = limit, 2*limit
	p := pool.New(config)
	first := borrow(t, p, "borrowed", "")
	release(p, first)
	time.Sleep(limit + time.Millisecond)
	did := fmt.Sprintf("with a MaxLifetime of %v and an IdleTimeout of twice that, used one once, let it be idle "+
		"until 1 ms after its lifetime, and borrowed", limit)
	c := borrow(t, p, did, "")
	expect.That(t, c != first, expect.Message{Did: did, Want: "a new connection", Got: "the same one",
		Why: "each of the two limits holds for itself. " + forEver})
}

const forEver = "connections that live for ever stay with the old server after a fail-over, keep " +
	"a password that was changed long ago, and grow in the server's memory"

// grownOld lets one be idle until it is too old.
func grownOld(t *testing.T, limit time.Duration) {
	t.Helper()
	s := &server{}
	config := s.config(1)
	config.MaxLifetime = limit
	p := pool.New(config)
	did := fmt.Sprintf("with a MaxLifetime of %v, used one once, let it be idle until 1 ms after "+
		"that, and borrowed", limit)
	first := borrow(t, p, "borrowed", "")
	release(p, first)
	time.Sleep(limit + time.Millisecond)
	c := borrow(t, p, did, "")
	expect.That(t, c != first, expect.Message{
		Did: did, Want: "a new connection", Got: "the same one", Why: forEver,
	})
	closed(t, s, did, []int{1}, "what is not closed stays open")
}

// oldAndStillThere has somebody wait for one that is too old, whose close takes a second.
func oldAndStillThere(t *testing.T, limit time.Duration) {
	t.Helper()
	s := &server{}
	config := s.config(1)
	config.MaxLifetime = limit
	p := pool.New(config)
	c := borrow(t, p, "borrowed", "")
	time.Sleep(limit + time.Millisecond)
	next := come(t.Context(), p)
	s.is(nil, 0, time.Second)
	give(p, c, true)
	did := fmt.Sprintf("with a MaxLifetime of %v, gave one back that is too old, whose close takes 1 s, "+
		"while somebody waited; ", limit)
	time.Sleep(999 * time.Millisecond)
	next.waits(t, did+"after 999 ms", "for the server the old connection is still there")
	time.Sleep(time.Millisecond)
	next.served(t, did+"after 1 s", time.Second, "")
	s.right(t, did, 1)
}

// usedAllTheTime borrows one in ten steps of its life, so that it is never idle for long.
func usedAllTheTime(t *testing.T, limit time.Duration) {
	t.Helper()
	s := &server{}
	config := s.config(1)
	config.MaxLifetime, config.IdleTimeout = limit, limit/2
	p := pool.New(config)
	did := fmt.Sprintf("with a MaxLifetime of %v, used one all the time; ", limit)
	born := time.Now()
	first := borrow(t, p, "borrowed", "")
	release(p, first)
	for i := range 10 {
		at := limit * time.Duration(i+1) / 10
		if i == 9 {
			at -= time.Millisecond
		}
		time.Sleep(time.Until(born.Add(at)))
		c := borrow(t, p, did+"borrowed again", "")
		expect.That(t, c == first, expect.Message{
			Did: fmt.Sprintf("%sborrowed %v after its dial", did, at), Want: "the same connection",
			Got: "another one", Why: "closed too early, it is dialled for nothing",
		})
		release(p, c)
	}
	again := borrow(t, p, did+"borrowed 1 ms before its end", "")
	expect.That(t, again == first, expect.Message{
		Did: did + "gave it back 1 ms before its end, and borrowed at once", Want: "the same connection",
		Got: "another one", Why: "closed too early, it is dialled for nothing"})
	release(p, again)
	time.Sleep(2 * time.Millisecond)
	c := borrow(t, p, did+"borrowed 1 ms after that", "")
	expect.That(t, c != first, expect.Message{
		Did: did + "borrowed 1 ms after that", Want: "a new connection", Got: "the same one",
		Why: forEver,
	})
	closed(t, s, did+"borrowed 1 ms after that", []int{1}, "what is not closed stays open")
}

func TestZeroIsNoLimit(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(1))
		c := borrow(t, p, "borrowed", "")
		time.Sleep(365 * 24 * time.Hour)
		release(p, c)
		time.Sleep(365 * 24 * time.Hour)
		again := borrow(t, p, "borrowed", "")
		expect.That(t, again == c, expect.Message{
			Did:  "with an IdleTimeout and a MaxLifetime of 0, borrowed one again after two years",
			Want: "the same connection", Got: "another one",
			Why: "whoever sets no limit wants none",
		})
	})
	virtual(t, func(t *testing.T) {
		const year = 365 * 24 * time.Hour
		const most = math.MaxInt64
		for _, limits := range [][2]time.Duration{{0, 3 * year}, {3 * year, 0}, {0, most}, {most, 0}, {most, most}} {
			s := &server{}
			config := s.config(1)
			config.IdleTimeout, config.MaxLifetime = limits[0], limits[1]
			p := pool.New(config)
			c := borrow(t, p, "borrowed", "")
			release(p, c)
			idle, word := 2*year, "two years"
			if max(limits[0], limits[1]) == most {
				idle, word = time.Hour, "an hour"
			}
			time.Sleep(idle)
			did := fmt.Sprintf("with an IdleTimeout of %v and a MaxLifetime of %v, let one be idle for %s, and borrowed",
				limits[0], limits[1], word)
			again := borrow(t, p, did, "")
			expect.That(t, again == c, expect.Message{Did: did, Want: "the same connection",
				Got: "another one", Why: "one limit is one limit, and the other is none"})
		}
		usedFromTimeToTime(t)
	})
}

// usedFromTimeToTime has an IdleTimeout alone, that is never over.
func usedFromTimeToTime(t *testing.T) {
	t.Helper()
	s := &server{}
	config := s.config(1)
	config.IdleTimeout = time.Minute
	p := pool.New(config)
	did := fmt.Sprintf("with an IdleTimeout of %v and a MaxLifetime of 0, used one every 59 s, 150 times", time.Minute)
	for range 150 {
		release(p, borrow(t, p, did, ""))
		time.Sleep(59 * time.Second)
	}
	dials, _, _, _ := s.seen()
	expect.That(t, dials == 1, expect.Message{Did: did, Want: "dials: 1", Got: fmt.Sprintf("dials: %d", dials),
		Why: "one limit is one limit, and the other is none"})
}
