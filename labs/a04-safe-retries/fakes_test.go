package retries_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	retries "github.com/backend-labs/backend-labs/labs/a04-safe-retries"
)

var known = sentinel.Errors{
	"ErrDefinite": retries.ErrDefinite, "ErrMaybe": retries.ErrMaybe}

// say is how a call ended, for a message.
var say = known.Outcome

// virtual runs a check in virtual time.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.Run(t, f)
}

// add and get are requests without a deadline.
func add(client string, seq uint64, key string, delta int) retries.Request {
	return retries.Request{Client: client, Seq: seq,
		Op: retries.Op{Kind: retries.Add, Key: key, Delta: delta}}
}

func get(client string, seq uint64, key string) retries.Request {
	return retries.Request{Client: client, Seq: seq, Op: retries.Op{Kind: retries.Get, Key: key}}
}

// answer is a response for a message.
func answer(r retries.Response) string {
	if r.Err != "" {
		return fmt.Sprintf("a refusal: %q", r.Err)
	}
	return fmt.Sprint(r.Value)
}

// disk is a Store in memory.
type disk struct {
	mu      sync.Mutex
	entries map[string]string
	commits int
	// dies says what becomes of the machine in the n-th commit; may be nil.
	dies func(n int) moment
}

// moment is one in which a machine may die.
type moment int

const (
	never moment = iota
	beforeCommit
	afterCommit
)

func (m moment) String() string {
	return [...]string{"never", "before it was written", "after it was written"}[m]
}

// death is what a machine dies of.
type death struct{}

func newDisk() *disk { return &disk{entries: map[string]string{}} }

func (d *disk) Get(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.entries[name]
}

func (d *disk) Commit(entries map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commits++
	at := never
	if d.dies != nil {
		at = d.dies(d.commits)
	}
	if at == beforeCommit {
		panic(death{})
	}
	for name, entry := range entries {
		if entry == "" {
			delete(d.entries, name)
		} else {
			d.entries[name] = entry
		}
	}
	if at == afterCommit {
		panic(death{})
	}
}

// names are those under which something is kept.
func (d *disk) content() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.entries)
}

// mount is the disk as one server has it. When the server has died nothing reaches the disk from it any
// more: no last words, and none of a request that it was busy with, too.
type mount struct {
	disk *disk
	dead atomic.Bool
}

func (m *mount) Get(name string) string {
	m.alive()
	return m.disk.Get(name)
}

func (m *mount) Commit(entries map[string]string) {
	m.alive()
	defer func() {
		if v := recover(); v != nil {
			m.dead.Store(true)
			panic(v)
		}
	}()
	m.disk.Commit(entries)
}

func (m *mount) alive() {
	if m.dead.Load() {
		panic(death{})
	}
}

// machine runs a server. When that dies, the next request finds another one, on the same disk.
type machine struct {
	disk *disk

	mu     sync.Mutex
	mount  *mount
	server *retries.Server
	deaths int
}

func newMachine(d *disk) *machine {
	m := &machine{disk: d}
	m.begin()
	return m
}

func (m *machine) begin() {
	m.mount = &mount{disk: m.disk}
	m.server = retries.NewServer(m.mount)
}

// handle has a request answered, unless the server dies of it.
func (m *machine) handle(req retries.Request) (resp retries.Response, died bool) {
	m.mu.Lock()
	server, on := m.server, m.mount
	m.mu.Unlock()
	defer func() {
		if v := recover(); v != nil && v != any(death{}) {
			panic(v)
		}
		if !on.dead.Load() {
			return
		}
		died = true // also if the server would rather go on
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.mount == on {
			m.deaths++
			m.begin()
		}
	}()
	return server.Handle(req), false
}

const server = "server"

// connect puts a machine on a network, and returns the way to it for each clerk. A question of
// which the server dies has no answer.
func connect(
	t *testing.T, m *machine, rule func(simnet.Leg[string]) simnet.Fate,
) (*simnet.Network[string], func(clerk string) retries.Net) {
	network := simnet.New[string](t)
	network.Handle(server, func(_ string, q any) any {
		resp, died := m.handle(q.(retries.Request))
		if died {
			return death{}
		}
		return resp
	})
	network.Rule(func(leg simnet.Leg[string]) simnet.Fate {
		if _, died := leg.Message.(death); died {
			return simnet.Fate{Lost: true}
		}
		return rule(leg)
	})
	return network, func(clerk string) retries.Net { return wire{network, clerk} }
}

// wire is a clerk's way over the network.
type wire struct {
	network *simnet.Network[string]
	clerk   string
}

func (w wire) Call(ctx context.Context, req retries.Request) (retries.Response, error) {
	m, err := w.network.Call(ctx, w.clerk, server, req)
	if err != nil {
		return retries.Response{}, err
	}
	return m.(retries.Response), nil
}

// radio is a Net that does as it is told, and records what it was asked to send.
type radio struct {
	// call is what becomes of the n-th attempt, from 1 on.
	call func(ctx context.Context, n int, req retries.Request) (retries.Response, error)

	mu       sync.Mutex
	attempts []attempt
}

type attempt struct {
	req        retries.Request
	begin, end time.Time
}

func (r *radio) Call(ctx context.Context, req retries.Request) (retries.Response, error) {
	r.mu.Lock()
	r.attempts = append(r.attempts, attempt{req: req, begin: time.Now()})
	n := len(r.attempts)
	r.mu.Unlock()
	resp, err := r.call(ctx, n, req)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts[n-1].end = time.Now()
	return resp, err
}

// sent are the attempts so far.
func (r *radio) sent() []attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]attempt(nil), r.attempts...)
}

// clear forgets them.
func (r *radio) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts = nil
}

var (
	errReset  = errors.New("read tcp 10.0.0.17:40122->10.0.0.2:7000: connection reset by peer")
	errNoDial = fmt.Errorf("dial tcp 10.0.0.2:7000: connection refused (%w)", retries.ErrNotSent)
)

// The ends that an attempt can have.

func done(context.Context, retries.Request) (retries.Response, error) {
	return retries.Response{Value: 42}, nil
}

func notSent(context.Context, retries.Request) (retries.Response, error) {
	return retries.Response{}, errNoDial
}

func reset(context.Context, retries.Request) (retries.Response, error) {
	return retries.Response{}, errReset
}

// lost never comes back.
func lost(ctx context.Context, _ retries.Request) (retries.Response, error) {
	<-ctx.Done()
	return retries.Response{}, ctx.Err()
}

// fails ends with an error.
func fails(err error) end {
	return func(context.Context, retries.Request) (retries.Response, error) {
		return retries.Response{}, err
	}
}

// refused ends with a refusal.
func refused(why string) end {
	return func(context.Context, retries.Request) (retries.Response, error) {
		return retries.Response{Err: why}, nil
	}
}

// after ends as another one does, some time later, unless its context has ended by then.
func after(d time.Duration, then end) end {
	return func(ctx context.Context, req retries.Request) (retries.Response, error) {
		select {
		case <-time.After(d):
			return then(ctx, req)
		case <-ctx.Done():
			return retries.Response{}, ctx.Err()
		}
	}
}

type end func(context.Context, retries.Request) (retries.Response, error)

// ends is a radio whose attempts end so, and all further ones as the last.
func ends(e ...end) *radio {
	return &radio{call: func(ctx context.Context, n int, req retries.Request) (retries.Response, error) {
		return e[min(n, len(e))-1](ctx, req)
	}}
}
