// Package shop is a service that logs nothing, and may be sick. It has a dozen functions of its own,
// and which of them does what is drawn, so that a name says nothing.
package shop

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Sicknesses are what a shop may suffer from.
var Sicknesses = []string{"none", "goroutines", "deadlock", "pool", "loop", "memory", "lock", "upstream"}

const (
	poolSize   = 10
	idle       = 200 // workers that wait for something to do, always
	cacheBytes = 28 << 20
	chunk      = 64 << 10
)

// Shop is the service.
type Shop struct {
	roles []function
	pool  *pool
	quick *http.Client // of a service that answers at once
	slow  *http.Client // of one that does not

	started           time.Time
	ticks             atomic.Int64
	requests, current atomic.Int64
	latency           atomic.Int64 // of the last request

	jobs   chan func()
	mu     sync.Mutex
	kept   [][]byte // the cache, and what leaks
	report sync.Mutex
	stock  sync.Mutex
	prices sync.Mutex
}

// What each function does: the index of its role.
const (
	culprit   = iota
	caller    // calls the culprit
	worker    // waits for jobs
	busiest   // uses the most CPU, which is not much
	cache     // fills the cache
	querier   // makes the queries of ordinary requests
	startup   // had to wait for a lock when the shop started
	partner   // is the other one of a deadlock, or holds two connections
	client    // calls the quick service
	bystander // waits for a connection, too
	_
	_
)

// New starts a shop, and returns when it is as sick as asked for.
func New(sickness string, seed uint64) (*Shop, error) {
	runtime.MemProfileRate = 4096
	runtime.SetMutexProfileFraction(1)
	rng := rand.New(rand.NewPCG(seed, 18))
	s := &Shop{pool: newPool(poolSize), quick: service(time.Millisecond), slow: service(time.Minute),
		started: time.Now(), jobs: make(chan func())}
	for _, i := range rng.Perm(len(functions)) {
		s.roles = append(s.roles, functions[i])
	}
	go s.tick()
	s.live()
	catch, ok := sick[sickness]
	if !ok {
		return nil, fmt.Errorf("no sickness %q: it is one of %s", sickness, strings.Join(Sicknesses, ", "))
	}
	catch(s, seed)
	return s, nil
}

// Roles are the functions by what they do.
type Roles struct {
	Culprit string // is at fault
	Partner string // is the other one of a deadlock
	Worker  string // waits for jobs, two hundred times
	Busiest string // uses the most CPU of a healthy shop
	Cache   string // has filled the cache
	Startup string // had to wait for a lock when the shop started
	Waiter  string // waits for a connection
}

// RolesOf are the roles of names in the order in which [Shop.Roles] has them.
func RolesOf(names []string) Roles {
	return Roles{Culprit: names[culprit], Partner: names[partner], Worker: names[worker],
		Busiest: names[busiest], Cache: names[cache], Startup: names[startup], Waiter: names[querier]}
}

// Roles are the names of the functions, by what they do.
func (s *Shop) Roles() (names []string) {
	for _, f := range s.roles {
		names = append(names, f.name)
	}
	return names
}

// do has a function run what.
func (s *Shop) do(role int, what func()) { s.roles[role].run(what, false) }

// tick counts hundredths of a second, and does not make up for those that it missed.
func (s *Shop) tick() {
	for {
		time.Sleep(10 * time.Millisecond)
		s.ticks.Add(1)
	}
}

// every calls what once in each period, and makes up for what it missed.
func every(period time.Duration, most int, what func()) {
	start := time.Now()
	for n := 0; n < most; time.Sleep(period) {
		for due := int(time.Since(start) / period); n < due; n++ {
			what()
		}
	}
}

// live is what all shops do, sick or not.
func (s *Shop) live() {
	for range idle {
		go s.do(worker, func() {
			for job := range s.jobs {
				job()
			}
		})
	}
	s.do(cache, func() {
		for range cacheBytes / chunk {
			s.keep()
		}
	})
	// Long ago, many waited for one lock, one after another.
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			s.do(startup, func() {
				s.report.Lock()
				time.Sleep(3 * time.Millisecond)
				s.report.Unlock()
			})
		})
	}
	wg.Wait()
	for range 4 {
		go func() {
			for n := 0; ; n++ {
				s.request(n)
				time.Sleep(9 * time.Millisecond)
			}
		}()
	}
}

// keep keeps a piece of memory.
func (s *Shop) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, make([]byte, chunk))
}

// request is an ordinary one.
func (s *Shop) request(n int) {
	start := time.Now()
	s.current.Add(1)
	defer s.current.Add(-1)
	s.do(caller, func() {
		s.do(busiest, func() {
			for begun := time.Now(); time.Since(begun) < 100*time.Microsecond; {
			}
		})
		if n%4 == 0 {
			s.do(querier, func() { s.pool.use(time.Millisecond) })
		}
		if n%8 == 0 {
			s.do(client, func() { get(s.quick, nil) })
		}
	})
	s.latency.Store(int64(time.Since(start)))
	s.requests.Add(1)
}

// arrive is a request of which one can see only that it does not come to an end.
func (s *Shop) arrive(role int, what func()) {
	s.current.Add(1)
	go s.do(caller, func() { s.do(role, what) })
}

// sick makes a shop sick, and returns when it is. The functions have no names, which would tell.
var sick = map[string]func(s *Shop, seed uint64){
	"none": func(*Shop, uint64) {},
	"goroutines": func(s *Shop, seed uint64) {
		started := seed%2 == 1
		results := make(chan []byte)
		deliver := func() { results <- make([]byte, 48<<10) }
		leaked := make(chan struct{}, 50)
		go every(10*time.Millisecond, 3000, func() {
			if started {
				s.do(caller, func() { s.roles[culprit].run(deliver, true) })
			} else {
				go s.do(caller, func() { s.do(culprit, deliver) })
			}
			select {
			case leaked <- struct{}{}:
			default:
			}
		})
		for len(leaked) < cap(leaked) {
			time.Sleep(time.Millisecond)
		}
	},
	"deadlock": func(s *Shop, _ uint64) {
		var both sync.WaitGroup
		both.Add(2)
		take := func(role int, first, second *sync.Mutex) {
			s.arrive(role, func() {
				first.Lock()
				both.Done()
				both.Wait()
				second.Lock()
			})
		}
		take(culprit, &s.stock, &s.prices)
		take(partner, &s.prices, &s.stock)
		both.Wait()
		for dump := make([]byte, 4<<20); ; time.Sleep(5 * time.Millisecond) {
			n := runtime.Stack(dump, true)
			if strings.Count(string(dump[:n]), " [sync.Mutex.Lock") >= 2 {
				return
			}
		}
	},
	"pool": func(s *Shop, _ uint64) {
		var held atomic.Int64
		query := func() {
			c := s.pool.acquire()
			held.Add(1)
			c.query(time.Hour)
		}
		for n := range poolSize {
			role := culprit
			if n < 2 {
				role = partner // older, and fewer
			}
			s.arrive(role, query)
			for held.Load() <= int64(n) {
				time.Sleep(time.Millisecond)
			}
		}
		for range 20 {
			s.arrive(bystander, query)
		}
		for s.pool.waiting.Load() < 20 {
			time.Sleep(time.Millisecond)
		}
		go every(10*time.Millisecond, 3000, func() { s.arrive(querier, query) })
	},
	"loop": func(s *Shop, _ uint64) {
		var sum atomic.Uint64
		begun := cpu()
		for range 3 {
			s.arrive(culprit, func() {
				x := uint64(1)
				for {
					for range 1 << 16 {
						x = x*6364136223846793005 + 1442695040888963407
					}
					sum.Store(x)
				}
			})
		}
		for cpu()-begun < 20*time.Millisecond {
			time.Sleep(time.Millisecond)
		}
	},
	"memory": func(s *Shop, _ uint64) {
		leaked := make(chan struct{}, 16)
		go every(10*time.Millisecond, 3000, func() {
			s.do(caller, func() { s.do(culprit, s.keep) })
			select {
			case leaked <- struct{}{}:
			default:
			}
		})
		for len(leaked) < cap(leaked) {
			time.Sleep(time.Millisecond)
		}
	},
	"lock": func(s *Shop, _ uint64) {
		var rounds atomic.Int64
		for range 12 {
			s.arrive(culprit, func() {
				for {
					s.stock.Lock()
					time.Sleep(3 * time.Millisecond)
					s.stock.Unlock()
					rounds.Add(1)
				}
			})
		}
		for rounds.Load() < 20 {
			time.Sleep(time.Millisecond)
		}
	},
	"upstream": func(s *Shop, _ uint64) {
		call := func() {
			body := make([]byte, 2*chunk)
			get(s.slow, body)
			body[0]++
		}
		for range 60 {
			s.arrive(culprit, call)
		}
		go every(25*time.Millisecond, 1000, func() { s.arrive(culprit, call) })
		for waiting := ""; strings.Count(waiting, "roundTrip") < 50; time.Sleep(5 * time.Millisecond) {
			dump := make([]byte, 4<<20)
			waiting = string(dump[:runtime.Stack(dump, true)])
		}
	},
}

// pool is a pool of connections to a database.
type pool struct {
	free    chan *conn
	waiting atomic.Int64
}

type conn struct{ _ int }

func newPool(size int) *pool {
	p := &pool{free: make(chan *conn, size)}
	for range size {
		p.free <- &conn{}
	}
	return p
}

func (p *pool) inUse() int { return cap(p.free) - len(p.free) }

func (p *pool) use(t time.Duration) {
	c := p.acquire()
	defer func() { p.free <- c }()
	c.query(t)
}

//go:noinline
func (p *pool) acquire() *conn {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	return <-p.free
}

//go:noinline
func (c *conn) query(t time.Duration) { time.Sleep(t) }

// service is a client of a service that takes so long to answer.
func service(takes time.Duration) *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 8,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go answer(there, takes)
			return here, nil
		}}}
}

// answer is the service at the other end.
func answer(c net.Conn, takes time.Duration) {
	request := make([]byte, 4096)
	for {
		if _, err := c.Read(request); err != nil {
			return
		}
		time.Sleep(takes)
		io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	}
}

func get(c *http.Client, body []byte) {
	if res, err := c.Get("http://partner.test/"); err == nil {
		io.ReadFull(res.Body, body)
		res.Body.Close()
	}
}

// ServeHTTP shows what a service shows that has no logs: /goroutines, /heap, /mutex, /cpu?for=1s and
// /metrics; /pace is for the checks.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/goroutines":
		pprof.Lookup("goroutine").WriteTo(w, 2)
	case "/heap":
		runtime.GC()
		pprof.Lookup("heap").WriteTo(w, 0)
	case "/mutex":
		pprof.Lookup("mutex").WriteTo(w, 0)
	case "/cpu":
		d, err := time.ParseDuration(r.FormValue("for"))
		if err == nil {
			err = s.profile(r.Context(), w, d, r.FormValue("least"))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	case "/metrics":
		s.metrics(w)
	case "/pace":
		fmt.Fprintln(w, s.ticks.Load(), int64(time.Since(s.started)), int64(cpu()))
	default:
		http.NotFound(w, r)
	}
}

// profile profiles the CPU for so long, and on a machine that is busy with something else goes on
// until the shop has had the least of it.
func (s *Shop) profile(ctx context.Context, w io.Writer, d time.Duration, least string) error {
	enough, _ := time.ParseDuration(least)
	begun, before := time.Now(), cpu()
	if err := pprof.StartCPUProfile(w); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	for pause := d; ; pause = d / 10 {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		if cpu()-before >= enough || time.Since(begun) > 4*d {
			return nil
		}
	}
}

func (s *Shop) metrics(w io.Writer) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for _, gauge := range []struct {
		name  string
		value float64
	}{
		{"requests_total", float64(s.requests.Load())},
		{"errors_total", 0},
		{"in_flight", float64(s.current.Load())},
		{"latency_p50_seconds", time.Duration(s.latency.Load()).Seconds()},
		{"goroutines", float64(runtime.NumGoroutine())},
		{"heap_bytes", float64(m.HeapAlloc)},
		{"cpu_seconds_total", cpu().Seconds()},
		{"pool_max", poolSize},
		{"pool_in_use", float64(s.pool.inUse())},
		{"pool_waiting", float64(s.pool.waiting.Load())},
	} {
		fmt.Fprintln(w, gauge.name, gauge.value)
	}
}
