package consistency_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	consistency "github.com/backend-labs/backend-labs/labs/a05-consistency-levels"
)

var (
	errDown    = errors.New("dial tcp 10.0.0.7:5432: connection refused")
	errDeposed = errors.New("no longer the primary")
)

var known = sentinel.Errors{"ErrLost": consistency.ErrLost, "connection refused": errDown,
	"no longer the primary": errDeposed, "context.Canceled": context.Canceled,
	"context.DeadlineExceeded": context.DeadlineExceeded}

var say = known.Outcome

// virtual runs a check in virtual time.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.Run(t, f)
}

const (
	answers = 5 * time.Millisecond // how long a node takes that is well
	maxWait = 300 * time.Millisecond
	before  = 1000 // how many writes there were before a check
)

var levels = []consistency.Level{consistency.Eventual, consistency.ReadYourWrites, consistency.Monotonic,
	consistency.Linearizable}

func name(l consistency.Level) string {
	return [...]string{"Eventual", "ReadYourWrites", "Monotonic", "Linearizable"}[l]
}

// cluster is a primary and its replicas.
type cluster struct {
	primary  *node
	replicas []*node
	older    uint64 // writes that the log had before those 1000

	mu  sync.Mutex
	log []write
}

type write struct {
	key, val string
	at       time.Time
}

// newCluster returns a primary and replicas that lag so far behind it.
func newCluster(lags ...time.Duration) *cluster {
	c := &cluster{}
	c.primary = &node{c: c, name: "primary"}
	for i, lag := range lags {
		c.replicas = append(c.replicas, &node{c: c, name: fmt.Sprintf("replica %d", i+1), lag: lag})
	}
	return c
}

// session is a new one, of one user.
func (c *cluster) session() *consistency.Session {
	var replicas []consistency.Node
	for _, r := range c.replicas {
		replicas = append(replicas, r)
	}
	return consistency.NewSession(c.primary, replicas, maxWait)
}

// put writes at once, as somebody else does.
func (c *cluster) put(key, val string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, write{key, val, time.Now()})
}

// failover makes a new primary, whose log ends so many writes earlier.
func (c *cluster) failover(lost int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = c.log[:len(c.log)-lost]
}

// reads is how often replicas and the primary have been read since the last call.
func (c *cluster) reads() (replicas, primary int) {
	for _, r := range c.replicas {
		replicas += len(r.clear())
	}
	return replicas, len(c.primary.clear())
}

// health is how a node answers.
type health int

const (
	well health = iota
	fails
	hangs
)

func (h health) String() string { return [...]string{"is well", "fails at once", "does not answer"}[h] }

// node is a primary or a replica.
type node struct {
	c    *cluster
	name string
	lag  time.Duration

	mu      sync.Mutex
	health  health
	once    bool // it fails at once, and is well then
	deposed bool
	stopped int // it gets no more of the log than this; 0: it does
	asked   []time.Time
}

func (n *node) set(h health) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.health = h
}

// depose makes a primary one that has been replaced, and does not know it.
func (n *node) depose() {
	n.c.mu.Lock()
	length := len(n.c.log)
	n.c.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deposed, n.stopped = true, length
}

// clear returns when the node has been read, and forgets it.
func (n *node) clear() (asked []time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	asked, n.asked = n.asked, nil
	return asked
}

// half is half of the way to a node and back.
func (n *node) half(ctx context.Context) error {
	n.mu.Lock()
	h := n.health
	if n.once {
		h, n.once = fails, false
	}
	n.mu.Unlock()
	switch h {
	case fails:
		return errDown
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	}
	return sleep(ctx, answers/2)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *node) Read(ctx context.Context, key string) (val string, lsn uint64, err error) {
	n.mu.Lock()
	n.asked = append(n.asked, time.Now())
	n.mu.Unlock()
	if err := n.half(ctx); err != nil {
		return "", 0, err
	}
	val, lsn = n.state(key)
	if err := n.half(ctx); err != nil {
		return "", 0, err
	}
	return val, lsn, nil
}

// state is the value of a key, and how far the node is.
func (n *node) state(key string) (val string, lsn uint64) {
	n.mu.Lock()
	stopped := n.stopped
	n.mu.Unlock()
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	log := n.c.log
	if stopped > 0 {
		log = log[:min(stopped, len(log))]
	}
	far := sort.Search(len(log), func(i int) bool { return time.Since(log[i].at) < n.lag })
	for _, w := range slices.Backward(log[:far]) {
		if w.key == key {
			return w.val, n.c.older + before + uint64(far)
		}
	}
	return "", n.c.older + before + uint64(far)
}

func (n *node) Write(ctx context.Context, key, val string) (lsn uint64, err error) {
	if err := n.half(ctx); err != nil {
		return 1 << 40, err // what comes beside an error says nothing
	}
	n.c.mu.Lock()
	n.c.log = append(n.c.log, write{key, val, time.Now()})
	lsn = n.c.older + before + uint64(len(n.c.log))
	n.c.mu.Unlock()
	if err := n.half(ctx); err != nil {
		return 0, err
	}
	return lsn, nil
}

func (n *node) Confirm(ctx context.Context) error {
	for range 2 {
		if err := n.half(ctx); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.deposed {
		return errDeposed
	}
	return nil
}

// got is how a Get ended.
type got struct {
	val  string
	err  error
	took time.Duration
}

func (g got) String() string {
	if g.err != nil {
		return fmt.Sprintf("%s after %v", say(g.err), g.took)
	}
	return fmt.Sprintf("%q after %v", g.val, g.took)
}

// get reads with a context of a minute.
func get(t *testing.T, s *consistency.Session, key string, l consistency.Level) got {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return getWith(ctx, s, key, l)
}

func getWith(ctx context.Context, s *consistency.Session, key string, l consistency.Level) got {
	start := time.Now()
	val, err := s.Get(ctx, key, l)
	return got{val, err, time.Since(start)}
}

// closest is the shortest time between two of these.
func closest(asked []time.Time) time.Duration {
	least := time.Hour
	slices.SortFunc(asked, time.Time.Compare)
	for i := 1; i < len(asked); i++ {
		least = min(least, asked[i].Sub(asked[i-1]))
	}
	return least
}
