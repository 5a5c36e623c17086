package gate_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	gate "github.com/backend-labs/backend-labs/labs/a20-ten-x"
)

// work is the core time of a request: with two cores the service can do 100 a second.
const work = 20 * time.Millisecond

// service has cores that its requests share. When there are more than four for each core, all of them lose by it:
// memory, caches, locks.
type service struct {
	mu    sync.Mutex
	cores float64
	delay time.Duration // that a request waits for something else, besides
	jobs  []*job
	last  time.Time
	timer *time.Timer
}

type job struct {
	left float64 // seconds of core time
	done chan bool
}

func newService(cores float64) *service { return &service{cores: cores, last: time.Now()} }

func (s *service) set(cores float64, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.cores, s.delay = cores, delay
	s.plan()
}

// speed is what share of a core each request has.
func (s *service) speed() float64 {
	n := float64(len(s.jobs))
	return min(n, s.cores) / n * min(1, 4*s.cores/n)
}

// advance does the work of the time since the last call.
func (s *service) advance() {
	now := time.Now()
	if len(s.jobs) > 0 {
		did := now.Sub(s.last).Seconds() * s.speed()
		for _, j := range s.jobs {
			if j.left -= did; j.left <= 1e-9 {
				close(j.done)
			}
		}
		s.jobs = slices.DeleteFunc(s.jobs, func(j *job) bool { return j.left <= 1e-9 })
	}
	s.last = now
}

// plan wakes up when the next request is done.
func (s *service) plan() {
	if s.timer != nil {
		s.timer.Stop()
	}
	if len(s.jobs) == 0 {
		return
	}
	next := s.jobs[0].left
	for _, j := range s.jobs {
		next = min(next, j.left)
	}
	wait := time.Duration(next/s.speed()*float64(time.Second)) + 1
	s.timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.advance()
		s.plan()
	})
}

// serve answers a request, or stops working on it when its context ends.
func (s *service) serve(ctx context.Context) error {
	s.mu.Lock()
	s.advance()
	j := &job{left: work.Seconds(), done: make(chan bool)}
	s.jobs = append(s.jobs, j)
	s.plan()
	delay := s.delay
	s.mu.Unlock()
	select {
	case <-j.done:
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		s.advance()
		s.jobs = slices.DeleteFunc(s.jobs, func(other *job) bool { return other == j })
		s.plan()
		return ctx.Err()
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// door is what requests go through: a gate, or what takes its place in a picture.
type door func(context.Context, gate.Priority, func(context.Context) error) error

// call is a request that was made, and what has become of it.
type call struct {
	at, took time.Duration // since the run began
	priority gate.Priority
	served   bool
	shed     bool
}

// run is a service, what is in front of it, and the requests so far.
type run struct {
	through door
	service *service
	random  *rand.Rand
	began   time.Time
	all     sync.WaitGroup

	mu    sync.Mutex
	calls []call
}

func newRun(through door, seed uint64) *run {
	return &run{through: through, service: newService(2), random: rand.New(rand.NewPCG(seed, 20)), began: time.Now()}
}

// load sends so many requests a second, as they come in the world: independently of each other, whether the last one
// was answered or not. Each waits half a second, and three in a hundred are critical.
func (r *run) load(perSecond float64, d time.Duration) {
	for end := time.Now().Add(d); ; {
		time.Sleep(time.Duration(r.random.ExpFloat64() / perSecond * float64(time.Second)))
		if !time.Now().Before(end) {
			return
		}
		p := gate.Priority(1 + r.random.IntN(2))
		if r.random.IntN(100) < 3 {
			p = gate.Critical
		}
		r.all.Go(func() { r.send(p) })
	}
}

func (r *run) send(p gate.Priority) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	served := false
	err := r.through(ctx, p, func(ctx context.Context) error {
		err := r.service.serve(ctx)
		served = err == nil
		return err
	})
	_, shed := errors.AsType[gate.ErrShed](err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call{began.Sub(r.began), time.Since(began), p, err == nil && served, shed})
}

// between are the calls that began in a part of the run, when all of them have ended.
func (r *run) between(from, to time.Duration) []call {
	r.all.Wait()
	return r.during(from, to)
}

// during are those of them that have ended by now.
func (r *run) during(from, to time.Duration) (calls []call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if c.at >= from && c.at < to {
			calls = append(calls, c)
		}
	}
	return calls
}

// served counts those that were, and how many there were of them.
func served(calls []call) (n int) {
	for _, c := range calls {
		if c.served {
			n++
		}
	}
	return n
}

// share of those that were served.
func share(calls []call) float64 { return float64(served(calls)) / max(1, float64(len(calls))) }

// options are those of all runs.
var options = gate.Options{Min: 2, Max: 200, Target: 100 * time.Millisecond}
