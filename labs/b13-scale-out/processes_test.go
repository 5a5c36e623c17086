package scaleout_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/fleet"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	scaleout "github.com/backend-labs/backend-labs/labs/b13-scale-out"
)

func init() { fleet.Handle("balancers", balancers) }

// TestBalancersKnowWhatTheyDid has several balancers in front of the same machines: two in one
// process and one in another. All of them must choose alike, since none can know what another one
// did: what those in one process could tell each other, the third never hears.
func TestBalancersKnowWhatTheyDid(t *testing.T) {
	site := newSite(t)
	processes := fleet.Start(t, "balancers", 2, "MACHINES="+site.URL)
	a := &remoteBalancer{t, processes[0], "a"}
	a.make("east")
	busy := a.send(site, 3)
	expect.That(t, busy["east"] == 3, expect.Message{
		Did:  "made a balancer over one machine, east, and sent it 3 requests",
		Want: "3 requests in flight at east",
		Got:  fmt.Sprint(busy),
	})
	for _, where := range []struct {
		process int
		words   string
	}{{1, "in another process"}, {0, "in the same process"}} {
		b := &remoteBalancer{t, processes[where.process], "b"}
		b.make("east", "west")
		got := b.send(site, 2)
		expect.That(t, got["east"] == 1 && got["west"] == 1, expect.Message{
			Did: "while one balancer had 3 requests in flight at east, made a second one over " +
				"east and west, " + where.words + ", and sent it 2 requests",
			Want: "1 in flight at each: it counts its own requests",
			Got:  fmt.Sprintf("%d at east, %d at west", got["east"], got["west"]),
			Why:  ownWhy,
		})
	}

	site.down("north", true)
	c := &remoteBalancer{t, processes[0], "c"}
	c.make("north")
	ended := c.do()
	expect.That(t, ended == "ErrDown", expect.Message{
		Did:  "made a balancer over one machine that is down, and sent it a request",
		Want: "ErrDown",
		Got:  "Do returned " + ended,
	})
	site.down("north", false)
	for _, where := range []struct {
		process int
		words   string
	}{{1, "in another process"}, {0, "in the same process"}} {
		d := &remoteBalancer{t, processes[where.process], "d"}
		d.make("north", "south")
		got := d.send(site, 2)
		expect.That(t, got["north"] == 1 && got["south"] == 1, expect.Message{
			Did: "while one balancer left north alone, which had been down for a moment, made a " +
				"second one over north and south, " + where.words + ", and sent it 2 requests",
			Want: "1 in flight at each: to its knowledge, both are up",
			Got:  fmt.Sprintf("%d at north, %d at south", got["north"], got["south"]),
			Why:  ownWhy,
		})
	}
}

const ownWhy = "a variable of the package is shared by the balancers of one process, and by no " +
	"others. Then a balancer chooses otherwise in a test, where they are neighbours, than in " +
	"production, where each is a process on a machine of its own"

// site has the machines, in the process of the check. Each keeps its requests until the check ends.
type site struct {
	*httptest.Server
	arrived chan string // the machine's name

	mu    sync.Mutex
	downs map[string]bool
}

func newSite(t *testing.T) *site {
	s := &site{arrived: make(chan string, 100), downs: map[string]bool{}}
	ended := make(chan struct{})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		s.mu.Lock()
		down := s.downs[name]
		s.mu.Unlock()
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		s.arrived <- name
		select {
		case <-ended:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(ended); s.Close() })
	return s
}

func (s *site) down(name string, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.downs[name] = yes
}

// remoteBalancer is a balancer in another process.
type remoteBalancer struct {
	t    *testing.T
	at   *fleet.Instance
	name string
}

// order is what such a process is asked for.
type order struct {
	Balancer string
	Machines []string
}

func (b *remoteBalancer) ask(path string, machines []string) (answer string) {
	b.t.Helper()
	err := b.at.Ask(path, order{b.name, machines}, &answer)
	expect.NoError(b.t, err, expect.Message{
		Did:  "used a balancer in a process of its own",
		Want: "that the process goes on",
	})
	return answer
}

func (b *remoteBalancer) make(machines ...string) { b.t.Helper(); b.ask("/make", machines) }

// do sends a request, and says with which error it has ended.
func (b *remoteBalancer) do() string { b.t.Helper(); return b.ask("/do", nil) }

// send sends n requests, each when the one before has arrived, and counts where they did.
func (b *remoteBalancer) send(s *site, n int) map[string]int {
	b.t.Helper()
	where := map[string]int{}
	for range n {
		b.ask("/send", nil)
		select {
		case name := <-s.arrived:
			where[name]++
		case <-time.After(5 * time.Second):
			expect.Fatal(b.t, expect.Message{
				Did:  fmt.Sprintf("sent %d requests to a balancer in a process of its own", n),
				Want: "that each is in flight at a machine at once",
				Got:  fmt.Sprintf("in flight after 5 s: %v", where),
			})
		}
	}
	return where
}

// balancers is a process with any number of balancers.
func balancers() (http.Handler, error) {
	var mu sync.Mutex
	all := map[string]*scaleout.Balancer{}
	named := func(name string) *scaleout.Balancer {
		mu.Lock()
		defer mu.Unlock()
		return all[name]
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/make", fleet.Reply(func(_ *http.Request, o order) (string, error) {
		var over []scaleout.Backend
		for _, m := range o.Machines {
			over = append(over, remoteMachine{os.Getenv("MACHINES") + "/" + m})
		}
		mu.Lock()
		defer mu.Unlock()
		all[o.Balancer] = scaleout.NewBalancer(over...)
		return "", nil
	}))
	mux.HandleFunc("/send", fleet.Reply(func(_ *http.Request, o order) (string, error) {
		go named(o.Balancer).Do(context.Background(), 1)
		return "", nil
	}))
	mux.HandleFunc("/do", fleet.Reply(func(_ *http.Request, o order) (string, error) {
		err := named(o.Balancer).Do(context.Background(), 1)
		if sentinel.Is(err, scaleout.ErrDown) {
			return "ErrDown", nil
		}
		return orNil(err), nil
	}))
	return mux, nil
}

var toMachines = &http.Client{Transport: &http.Transport{}}

// remoteMachine is a machine in another process. It is the same as another of the same address.
type remoteMachine struct{ url string }

func (m remoteMachine) Call(ctx context.Context, req int) error {
	r, err := http.NewRequestWithContext(ctx, "POST", m.url, strings.NewReader(fmt.Sprint(req)))
	if err != nil {
		return err
	}
	res, err := toMachines.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", scaleout.ErrDown, err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	if res.StatusCode == http.StatusServiceUnavailable {
		return scaleout.ErrDown
	}
	return nil
}
