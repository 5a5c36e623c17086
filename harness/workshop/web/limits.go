package web

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits bound what one client may ask for. A room may sit behind one address, so the bounds of an
// address are wide, but for wrong guesses: a code or secret is not found by trying.
type limits struct {
	asks    *buckets // requests of an address
	own     *buckets // requests of a participant
	guesses *buckets // wrong codes, recovery codes and secrets of an address
	all     *buckets // the same of everybody
}

func newLimits() limits {
	return limits{asks: newBuckets(400, 1600), own: newBuckets(20, 200), guesses: newBuckets(0.5, 30), all: newBuckets(10, 200)}
}

// ask counts a request.
func (l limits) ask(v *visit) error {
	if b := l.asks.of(client(v.Request)); !b.Allow() {
		return again(fail(http.StatusTooManyRequests, "busy",
			"too many requests from this address", "wait a second"), time.Second)
	}
	return nil
}

// takePart counts a request of a participant.
func (l limits) takePart(who int64) error {
	if l.own.of(strconv.FormatInt(who, 10)).Allow() {
		return nil
	}
	return again(fail(http.StatusTooManyRequests, "busy", "too many requests", "wait a second"), time.Second)
}

// guess is an error if an address has guessed wrong too often of late.
func (l limits) guess(v *visit) error {
	if l.guesses.of(client(v.Request)).Tokens() >= 1 && l.all.of("").Tokens() >= 1 {
		return nil
	}
	return again(fail(http.StatusTooManyRequests, "limit",
		"too many wrong codes from this address", "wait, then look at the code again"),
		2*time.Second)
}

// wrong counts a wrong guess.
func (l limits) wrong(v *visit) {
	l.guesses.of(client(v.Request)).Allow()
	l.all.of("").Allow()
}

// client is the address of a client. Of IPv6 it is the network that one household has.
func client(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	bits := 64
	if at.Addr().Unmap().Is4() {
		bits = 32
	}
	net, err := at.Addr().Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return r.RemoteAddr
	}
	return net.String()
}

// maxBuckets is how many clients are known apart before the ones that have long not come are
// forgotten.
const maxBuckets = 10_000

// buckets are token buckets by client. There are two maps, each of bounded size: when the younger
// is full it becomes the older, and whoever is in neither begins anew.
type buckets struct {
	limit rate.Limit
	burst int

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

func newBuckets(limit rate.Limit, burst int) *buckets {
	return &buckets{limit: limit, burst: burst, young: map[string]*rate.Limiter{}}
}

// of is a client's bucket.
func (b *buckets) of(client string) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.young[client]; l != nil {
		return l
	}
	l := b.old[client]
	if l == nil {
		l = rate.NewLimiter(b.limit, b.burst)
	}
	if len(b.young) >= maxBuckets {
		b.old, b.young = b.young, map[string]*rate.Limiter{}
	}
	b.young[client] = l
	return l
}
