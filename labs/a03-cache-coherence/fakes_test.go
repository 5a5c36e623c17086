package coherence_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	coherence "github.com/backend-labs/backend-labs/labs/a03-cache-coherence"
)

const (
	l1TTL = 5 * time.Second
	l2TTL = time.Minute
	// soon is how long it takes to hear of an update, and back is how long to be of use again.
	soon = 100 * time.Millisecond
	back = time.Second
)

var (
	errDB       = errors.New("too many connections")
	errNoAnswer = errors.New("no answer")
	errStop     = errors.New("the check is over")
)

// row is a value in the database: the n-th of its id.
type row struct {
	n       int
	version int64
}

// world is a database, a Redis, and the instances of a service.
type world struct {
	t     *testing.T
	r     *vredis.Redis
	tl    *timeline.Timeline
	insts []*instance

	mu    sync.Mutex
	rows  map[string]row
	all   map[string][]row // in the order of their commits
	first int64            // what versions begin with
	loads map[string]int

	redisHeld string // as it was drawn last
}

// instance is one process: its tier, and how it sees the database.
type instance struct {
	w    *world
	name string
	link *vredis.Link
	tier *coherence.Tier
	stop func() // ends Run
	runs chan error

	mu                                 sync.Mutex
	takes                              time.Duration // each call of the database
	fails                              error
	afterRead, beforeCommit, committed func() // what happens then, once
	jitter                             func() // what happens around each commit and after each reading; may be nil
}

// simulate runs f in virtual time with n instances, A, B and so on. A Tier cannot be closed.
func simulate(t *testing.T, n int, f func(t *testing.T, w *world)) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		w := &world{t: t, r: vredis.Start(t, n), rows: map[string]row{}, all: map[string][]row{},
			loads: map[string]int{}}
		lanes := []string{"database"}
		for i := range n {
			x := &instance{w: w, name: string(rune('A' + i)), link: w.r.Links[i]}
			x.tier = coherence.NewTier(x, w.r.Clients[i], l1TTL, l2TTL)
			w.insts = append(w.insts, x)
			lanes = append(lanes, x.name)
		}
		w.tl = timeline.New(lanes...)
		// Whatever is still untold when a check ends can be told then.
		t.Cleanup(func() {
			w.r.Heal()
			for _, x := range w.insts {
				if x.stop != nil {
					x.stop()
				}
			}
			time.Sleep(2 * time.Second)
		})
		f(t, w)
	})
}

// listen lets instances run, and returns when they do.
func (w *world) listen(all ...*instance) {
	for _, x := range all {
		ctx, stop := context.WithCancelCause(w.t.Context())
		x.stop, x.runs = func() { stop(errStop) }, make(chan error, 1)
		go func() { x.runs <- x.tier.Run(ctx) }()
	}
	time.Sleep(back)
}

// commit puts the n-th value of id into the database.
func (w *world) commit(id string, n int) row {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := row{n: n, version: max(w.rows[id].version, w.first) + int64(max(n, -n))*3}
	w.rows[id] = r
	w.all[id] = append(w.all[id], r)
	w.tl.Holds("database", "%s", r)
	return r
}

// texts are values that do not look like the others.
var texts = map[int]string{-1: "", -2: " v1 ", -3: "v|1:\n\x00\xff\"{}", -4: "null", -5: strings.Repeat("ä", 5000)}

func (r row) String() string {
	if text, other := texts[r.n]; other {
		return text
	}
	return "v" + strconv.Itoa(r.n)
}

func (w *world) loaded(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loads[id]
}

func (w *world) newest(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows[id].n
}

// rank is the place of the n-th value among the commits of id, from 0 on, or -1.
func (w *world) rank(id string, n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.IndexFunc(w.all[id], func(r row) bool { return r.n == n })
}

// once takes what is to happen in a call of the database.
func (x *instance) once(hook *func()) func() {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := *hook
	*hook = nil
	if f == nil {
		return func() {}
	}
	return f
}

func (x *instance) set(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
}

func (x *instance) call() error {
	x.mu.Lock()
	takes, fails := x.takes, x.fails
	x.mu.Unlock()
	time.Sleep(takes)
	if fails != nil {
		return fmt.Errorf("database: %w", fails)
	}
	return nil
}

func (x *instance) tarry() {
	if x.jitter != nil {
		x.jitter()
	}
}

// Load is the database's, for this instance.
func (x *instance) Load(ctx context.Context, id string) (string, int64, error) {
	x.w.mu.Lock()
	x.w.loads[id]++
	x.w.mu.Unlock()
	if err := errors.Join(ctx.Err(), x.call()); err != nil {
		return "", 0, err
	}
	x.w.mu.Lock()
	r := x.w.rows[id]
	x.w.mu.Unlock()
	x.once(&x.afterRead)()
	x.tarry()
	return r.String(), r.version, nil
}

// Save is the database's, for this instance.
func (x *instance) Save(ctx context.Context, id, val string) (int64, error) {
	if err := errors.Join(ctx.Err(), x.call()); err != nil {
		return 0, err
	}
	n, err := number(val)
	if err != nil {
		return 0, fmt.Errorf("Save was called with a value that nobody has given: %q", val)
	}
	x.once(&x.beforeCommit)()
	x.tarry()
	r := x.w.commit(id, n)
	x.once(&x.committed)()
	x.tarry()
	return r.version, nil
}

// answer is what a Get has returned: which value, from 1 on; 0 for something else.
type answer struct {
	n    int
	text string
	err  error
	took time.Duration
}

func (a answer) String() string {
	if a.err != nil {
		return "error: " + a.err.Error()
	}
	return fmt.Sprintf("%q", a.text)
}

// get asks an instance as a web server would: the context ends with the request.
func (x *instance) get(id string) answer {
	ctx, cancel := context.WithCancel(x.w.t.Context())
	defer cancel()
	begin := time.Now()
	got := make(chan answer, 1)
	go func() {
		text, err := x.tier.Get(ctx, id)
		a := answer{text: text, err: err, took: time.Since(begin)}
		if n, bad := number(text); bad == nil && err == nil {
			a.n = n
		}
		got <- a
	}()
	limit := time.NewTimer(time.Second)
	defer limit.Stop()
	select {
	case a := <-got:
		return a
	case <-limit.C:
		return answer{err: errNoAnswer, took: time.Since(begin)}
	}
}

// number is n of the n-th value of an id.
func number(val string) (n int, err error) {
	for n, text := range texts {
		if val == text {
			return n, nil
		}
	}
	digits, found := strings.CutPrefix(val, "v")
	if !found {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(digits)
}

// read is get, drawn.
func (x *instance) read(id string) answer {
	a := x.get(id)
	x.w.tl.Holds(x.name, "%v", a)
	return a
}

// update commits the next value of id.
func (x *instance) update(id string) {
	x.w.t.Helper()
	x.w.tl.Point(x.name, "updates %s", id)
	if err := x.save(id); err != nil {
		expect.Fatal(x.w.t, expect.Message{
			Did:  "called Update on " + x.name + ", with a database that commits",
			Want: "nil, whatever Redis does",
			Got:  fmt.Sprintf("error: %v", err),
			Why:  "the value is committed; whoever is told of an error tries again, or tells the user that it is not",
		})
	}
}

func (x *instance) save(id string) error { return x.saveAs(id, x.w.newest(id)+1) }

// saveAs commits the n-th value of id.
func (x *instance) saveAs(id string, n int) error {
	ctx, cancel := context.WithCancel(x.w.t.Context())
	defer cancel()
	return x.tier.Update(ctx, id, row{n: n}.String())
}

// warm puts the first value of ids into the database, and lets instances read it.
func (w *world) warm(ids []string, all ...*instance) {
	w.t.Helper()
	for _, id := range ids {
		w.commit(id, 1)
		for _, x := range all {
			a := x.get(id)
			expect.That(w.t, a.n == 1, expect.Message{
				Did: "read a value that has never been updated, on " + x.name, Want: `"v1"`, Got: a.String()})
		}
	}
	w.tl.Clear()
	for _, x := range all {
		w.tl.Holds(x.name, `"v1"`)
	}
}

// want ends the check unless each instance returns the newest value of id.
func (w *world) want(id string, m expect.Message, all ...*instance) {
	w.t.Helper()
	n := w.newest(id)
	if m.Want == "" {
		m.Want = fmt.Sprintf("%q from %s", row{n: n}, names(all))
	}
	w.each(id, func(got int) bool { return got == n }, m, all)
}

// wantNotBefore ends the check unless each instance returns the n-th value of id or a newer one.
func (w *world) wantNotBefore(id string, n int, m expect.Message, all ...*instance) {
	w.t.Helper()
	m.Want = fmt.Sprintf("%q or a newer one from %s", row{n: n}, names(all))
	w.each(id, func(got int) bool { return got >= n }, m, all)
}

// each ends the check unless each instance returns a value of id whose number is right.
func (w *world) each(id string, right func(n int) bool, m expect.Message, all []*instance) {
	w.t.Helper()
	var wrong []string
	for _, x := range all {
		a := x.get(id)
		step := w.tl.Holds(x.name, "%v", a)
		if !right(a.n) {
			step.Breaks()
			wrong = append(wrong, x.name+" returned "+a.String())
		}
	}
	m.Got = strings.Join(wrong, ", ")
	m.Picture = w.tl
	expect.That(w.t, len(wrong) == 0, m)
}

func names(all []*instance) string {
	var names []string
	for _, x := range all {
		names = append(names, x.name)
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// held is a Get that the database keeps waiting with what it has read.
type held struct {
	x    *instance
	free chan struct{}
	done chan answer
}

// hold begins a Get on x and returns when the database has read for it.
func (x *instance) hold(id string) *held {
	x.w.t.Helper()
	h := &held{x: x, free: make(chan struct{}), done: make(chan answer, 1)}
	reading := make(chan struct{})
	x.set(func() { x.afterRead = func() { close(reading); <-h.free } })
	go func() {
		text, err := x.tier.Get(x.w.t.Context(), id)
		h.done <- answer{text: text, err: err}
	}()
	select {
	case <-reading:
	case <-time.After(time.Second):
		expect.Fatal(x.w.t, expect.Message{Did: "read on " + x.name + " what no tier holds", Want: "a call of Load",
			Got: "none within a second"})
	}
	x.w.tl.Point(x.name, "reads %s, slowly", row{n: x.w.newest(id)})
	return h
}

// release lets it go on, and waits for its end. What it returns is not looked at: it was under way.
func (h *held) release() {
	h.x.w.t.Helper()
	close(h.free)
	select {
	case <-h.done:
		h.x.w.tl.Point(h.x.name, "slow read ends")
	case <-time.After(time.Second):
		expect.Fatal(h.x.w.t, expect.Message{Did: "let a slow Load end", Want: "an answer of Get",
			Got: "none within a second"})
	}
}

// commands counts what instances have sent to Redis since the last Forget, but for what belongs to the bus.
func commands(all ...*instance) (n int, list []string) {
	bus := []string{"PING", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE"}
	for _, x := range all {
		for _, c := range x.link.Commands() {
			if !slices.Contains(bus, c.Name) {
				n++
				list = append(list, c.String())
			}
		}
	}
	return n, list
}
