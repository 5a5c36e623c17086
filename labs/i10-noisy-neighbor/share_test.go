package fairshare_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	fairshare "github.com/backend-labs/backend-labs/labs/i10-noisy-neighbor"
)

const seconds = 20 // for which the first check lasts

// TestTheOthersDoNotNotice is the question itself: a client asks for more and more, and what counts
// is how another one fares.
func TestTheOthersDoNotNotice(t *testing.T) {
	virtual(t, func(t *testing.T) {
		o := options()
		o.Rate, o.Burst = 10, 10
		bare := &world{h: newDatabase()}
		shared := &world{h: fairshare.Protect(o)(newDatabase())}
		bare.run()
		shared.run()
		draw(t, bare, shared)
		bare.wg.Wait()
		shared.wg.Wait()
		did := "let one client ask 10 times a second and then more and more often, up to 1000 times, " +
			"and another one 5 times a second, for 20 s; 10 a second are allowed, with a Burst of 10"
		good, noisy := shared.good.Load(), shared.noisy.Load()
		expect.That(t, good == 5*seconds, expect.Message{Did: did,
			Want: "all 100 requests of the second client are served",
			Got:  fmt.Sprintf("%d are served", good),
			Why:  "that is what all of it is for: whoever behaves must not notice who does not"})
		expect.That(t, noisy >= 10*seconds && noisy <= 10*seconds+10, expect.Message{Did: did,
			Want: "of the first client's, 200 to 210 are served: 10 a second, and its Burst once",
			Got:  fmt.Sprintf("%d are served", noisy),
			Why: "what one client gets beyond its share others miss; and less than its share is an " +
				"outage for a customer who has paid for it"})
	})
}

// database stands behind the handlers: it has four connections, a request needs one for 25 ms, and
// nobody waits for longer than a second. That makes 160 requests a second.
type database chan struct{}

func newDatabase() database { return make(database, 4) }

func (d database) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case d <- struct{}{}:
		time.Sleep(25 * time.Millisecond)
		<-d
	case <-time.After(time.Second):
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// world is a server with two clients.
type world struct {
	h           http.Handler
	wg          sync.WaitGroup
	good, noisy atomic.Int64 // requests that were served
}

// run begins both clients.
func (w *world) run() {
	w.wg.Go(func() {
		time.Sleep(37 * time.Millisecond)
		w.ask(at("198.51.100.7"), 5*seconds, 5, &w.good)
	})
	w.wg.Go(func() {
		c := at("203.0.113.9")
		for s := range seconds {
			w.ask(c, rate(s), rate(s), &w.noisy)
		}
	})
}

// rate is how often the noisy client asks in a second.
func rate(second int) int { return 10 + second*990/(seconds-1) }

// ask makes n requests, so many a second, whatever comes back.
func (w *world) ask(c caller, n, rate int, served *atomic.Int64) {
	begin := time.Now()
	for i := range n {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		w.wg.Go(func() {
			if send(w.h, c()).status == http.StatusOK {
				served.Add(1)
			}
		})
	}
	time.Sleep(time.Until(begin.Add(time.Duration(n/rate) * time.Second)))
}

// moments are the seconds that are drawn: most of what happens does so in the first ones.
var moments = []int{1, 2, 3, 4, 5, 6, 8, 12, 16, 20}

// draw has a line for each: what the second client got in the last second, and how often the noisy
// one asked in it.
func draw(t *testing.T, bare, shared *world) {
	t.Helper()
	tl := timeline.New("without", "with")
	begin := time.Now().Add(2 * time.Millisecond) // behind what is served at the very edge
	for _, s := range moments {
		time.Sleep(time.Until(begin.Add(time.Duration(s-1) * time.Second)))
		before := [2]int64{bare.good.Load(), shared.good.Load()}
		time.Sleep(time.Until(begin.Add(time.Duration(s) * time.Second)))
		for i, now := range [2]int64{bare.good.Load(), shared.good.Load()} {
			n := int(now - before[i])
			tl.Point([]string{"without", "with"}[i], "%s %d, noisy: %d", strings.Repeat("█", n), n,
				rate(s-1))
		}
	}
	expect.Show(t, "requests of a good client that are served in a second, without the middleware "+
		"and with it; and how many a noisy one makes", tl)
}
