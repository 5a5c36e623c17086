package probes_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	probes "github.com/backend-labs/backend-labs/labs/i07-probes"
)

// What the kubelet and the pods of the cluster keep to.
const (
	period     = 10 * time.Second // between two probes of one pod
	thirdTime  = 3                // failures of livez in a row that make the kubelet restart a pod
	startLimit = 30               // and of startupz
	patience   = time.Second      // how long the kubelet waits for an answer
	pollEvery  = 5 * time.Second
	liveWindow = 30 * time.Second
)

// cluster is three pods of one service, with their kubelet and a balancer.
type cluster struct {
	ctx          context.Context
	db           *fake
	startTakes   time.Duration
	startupProbe bool
	tl           *timeline.Timeline
	all          sync.WaitGroup

	mu      sync.Mutex
	pods    []*pod
	hung    *pod          // the one that a restart would help
	void    int           // requests to pods that had not started
	without time.Duration // how long there was nobody to send a request to, after the first start
}

// pod is what the kubelet knows of it.
type pod struct {
	name     string
	restarts []time.Time // when
	routed   bool        // it has answered the last readyz with 200
	process  *running
}

// running is a process in a pod.
type running struct {
	process
	kill     context.CancelFunc
	ctx      context.Context
	hang     chan struct{} // closed: its main loop hangs
	up       bool          // it has called Started
	lastBeat time.Time
	known    bool // to have started, by the startup probe
	failures int  // of livez or startupz, in a row
}

// run begins a cluster; stop ends it.
func run(t *testing.T, startTakes time.Duration, startupProbe bool) (c *cluster, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c = &cluster{ctx: ctx, db: database(), startTakes: startTakes, startupProbe: startupProbe,
		tl: timeline.New("database", "pod 1", "pod 2", "pod 3")}
	for i := range 3 {
		p := &pod{name: fmt.Sprintf("pod %d", i+1)}
		c.pods = append(c.pods, p)
		c.spawn(p)
		c.all.Go(func() { c.kubelet(p, time.Second+time.Duration(i)*3*time.Second) })
	}
	c.all.Go(c.balance)
	return c, func() { cancel(); c.all.Wait() }
}

// pause sleeps, and reports whether the context still lives.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// spawn begins a process: its main loop, and the ticker that polls.
func (c *cluster) spawn(p *pod) {
	ctx, kill := context.WithCancel(c.ctx)
	r := &running{ctx: ctx, kill: kill, hang: make(chan struct{}), process: begin(probes.Options{
		LiveWindow: liveWindow, FailAfter: 3, RecoverAfter: 2, Deps: []probes.Dep{c.db.dep()},
	})}
	p.process = r
	c.all.Go(func() {
		if !pause(ctx, c.startTakes) {
			return
		}
		c.mu.Lock()
		r.up = true
		c.mu.Unlock()
		r.Started()
		c.loop(r)
	})
	c.all.Go(func() {
		for pause(ctx, pollEvery) {
			pollCtx, cancel := context.WithTimeout(ctx, patience)
			r.Poll(pollCtx)
			cancel()
		}
	})
}

// loop beats every second until it hangs.
func (c *cluster) loop(r *running) {
	for {
		c.mu.Lock()
		r.lastBeat = time.Now()
		c.mu.Unlock()
		r.Beat()
		select {
		case <-r.hang:
			<-r.ctx.Done()
			return
		case <-r.ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// kubelet probes one pod.
func (c *cluster) kubelet(p *pod, first time.Duration) {
	for wait := first; pause(c.ctx, wait); wait = period {
		if c.startupProbe && !p.process.known {
			p.process.known = yes(p.process.startupz, "/startupz")
			c.judge(p, p.process.known, startLimit)
			continue
		}
		c.judge(p, yes(p.process.livez, "/livez"), thirdTime)
		c.route(p, yes(p.process.readyz, "/readyz"))
	}
}

// judge counts failures in a row, and restarts a process that has too many.
func (c *cluster) judge(p *pod, ok bool, limit int) {
	if ok {
		p.process.failures = 0
		return
	}
	if p.process.failures++; p.process.failures < limit {
		return
	}
	p.process.kill()
	c.route(p, false)
	c.mu.Lock()
	defer c.mu.Unlock()
	p.restarts = append(p.restarts, time.Now())
	restart := c.tl.Point(p.name, "restarted")
	if p != c.hung || len(p.restarts) > 1 {
		restart.Breaks()
	}
	c.spawn(p)
}

func (c *cluster) route(p *pod, routed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if routed != p.routed {
		c.tl.Holds(p.name, "%s", map[bool]string{true: "ready", false: "unready"}[routed])
	}
	p.routed = routed
}

// balance sends a request every half second to whoever is said to be ready, in turn.
func (c *cluster) balance() {
	begun := false
	pause(c.ctx, 250*time.Millisecond) // never at the moment of a probe: the order would be open
	for next := 0; pause(c.ctx, 500*time.Millisecond); next++ {
		c.mu.Lock()
		p := c.pick(next)
		switch {
		case p == nil && begun:
			c.without += 500 * time.Millisecond
		case p != nil && !p.process.up:
			c.void++
			c.tl.Point(p.name, "gets a request").Breaks()
		}
		begun = begun || p != nil
		c.mu.Unlock()
	}
}

func (c *cluster) pick(next int) *pod {
	for i := range c.pods {
		if p := c.pods[(next+i)%len(c.pods)]; p.routed {
			return p
		}
	}
	return nil
}

// yes reports whether the answer was 200, and came in time.
func yes(h http.Handler, path string) bool {
	asked := time.Now()
	return code(h, "GET", path) == 200 && time.Since(asked) < patience
}
