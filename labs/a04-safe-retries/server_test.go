package retries_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	retries "github.com/backend-labs/backend-labs/labs/a04-safe-retries"
)

// wants ends the check unless a response is this value.
func wants(t *testing.T, got retries.Response, value int, m expect.Message) {
	t.Helper()
	m.Want = fmt.Sprint("the answer ", value)
	m.Got = answer(got)
	expect.That(t, got == retries.Response{Value: value}, m)
}

// refuses ends the check unless a response is this refusal.
func refuses(t *testing.T, got retries.Response, why string, m expect.Message) {
	t.Helper()
	m.Want = fmt.Sprintf("a refusal: %q", why)
	m.Got = answer(got)
	expect.That(t, got.Err == why, m)
}

// auditors are those who have asked once.
var auditors atomic.Int64

// counts ends the check unless a counter has this value, as somebody sees who asks for the first time.
func counts(t *testing.T, s *retries.Server, key string, value int, m expect.Message) {
	t.Helper()
	got := s.Handle(get(fmt.Sprint("auditor ", auditors.Add(1)), 1, key))
	m.Want = fmt.Sprintf("the counter is %d", value)
	m.Got = "it is " + answer(got)
	expect.That(t, got == retries.Response{Value: value}, m)
}

func TestACopyGetsTheAnswerOfTheFirst(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := retries.NewServer(newDisk())
		counts(t, s, "boxes", 0, expect.Message{Did: "asked for a counter that nobody has touched"})
		value := 0
		for i, delta := range []int{5, -200, 5, 5, 0, -3, 1 << 60, 1, 1 << 40} {
			seq := uint64(i)*3 + 1
			if delta == 1<<40 {
				seq = math.MaxUint64
			}
			value += delta
			did := fmt.Sprintf("sent Add %d with Seq %d", delta, seq)
			req := add("ann", seq, "boxes", delta)
			req.Deadline = time.Now().Add(time.Second)
			wants(t, s.Handle(req), value, expect.Message{Did: did,
				Why: "two equal scans are two boxes: what tells a copy is its Seq, not its content"})
			for range 3 {
				wants(t, s.Handle(req), value, expect.Message{Did: did + ", and a copy of it",
					Why: "whoever sends it again has not seen the first answer, and needs it"})
			}
			s.Handle(add("bob", uint64(i)+1, "boxes", 100))
			value += 100
			time.Sleep(time.Hour)
			wants(t, s.Handle(req), value-100, expect.Message{
				Did: did + ", and a copy an hour later, when its Deadline was over and the counter " +
					"had gone on",
				Why: "it was done in time; refused now, its sender must report that it does not know"})
		}
		counts(t, s, "boxes", value, expect.Message{Did: "sent all of these and their copies"})
	})
}

func TestClientsAndServersAreApart(t *testing.T) {
	s, other := retries.NewServer(newDisk()), retries.NewServer(newDisk())
	for i, client := range []string{"ann", "bob", "Ann", "ann "} {
		wants(t, s.Handle(add(client, 7, "boxes", 1)), i+1, expect.Message{
			Did: fmt.Sprintf("sent Add 1 with Seq 7 for %d clients, the last of them %q", i+1, client),
			Why: "each client counts for itself, so that nobody has to hand out numbers"})
	}
	wants(t, s.Handle(add("ann", 8, "Boxes", 10)), 10, expect.Message{
		Did: `added to "boxes", and then 10 to "Boxes"`})
	wants(t, other.Handle(add("ann", 7, "boxes", 1)), 1, expect.Message{
		Did: "sent Add 1 with Seq 7 to one server, and to another one with a disk of its own"})
	wants(t, s.Handle(add("ann", 8, "Boxes", 10)), 10, expect.Message{
		Did: "sent ann's Seq 8 once more to the first server, after others had asked both",
		Why: "each client's latest request is remembered, not only the latest of all"})
	for n := range 1000 {
		s.Handle(add(fmt.Sprint("clerk ", n), 1, "pallets", 1))
	}
	wants(t, s.Handle(add("clerk 0", 1, "pallets", 1)), 1, expect.Message{
		Did: "sent a request for each of 1000 clients, and then a copy of the first one",
		Why: "how long a copy may be under way has nothing to do with how many others there are"})
	counts(t, s, "pallets", 1000, expect.Message{Did: "sent this one for each of 1000 clients"})
}

func TestALateCopyIsRefused(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := retries.NewServer(newDisk())
		for seq := uint64(5); seq <= 9; seq++ {
			s.Handle(add("ann", seq, "boxes", 1))
		}
		for _, seq := range []uint64{8, 5, 4, 1} {
			late := add("ann", seq, "boxes", 1)
			did := fmt.Sprintf("sent five Adds with Seq 5 to 9, and then one with Seq %d", seq)
			refuses(t, s.Handle(late), retries.Old, expect.Message{Did: did,
				Why: "a copy that was under way for long: its clerk has gone on, so it was done, or its " +
					"caller was told that perhaps it will be"})
			late.Deadline = time.Now().Add(-time.Second)
			refuses(t, s.Handle(late), retries.Old, expect.Message{
				Did: did + ", whose Deadline is over as well"})
		}
		counts(t, s, "boxes", 5, expect.Message{
			Did: "sent five Adds with Seq 5 to 9, and then older ones",
			Why: "a copy that comes when it is remembered no more must not look like a new request"})
		wants(t, s.Handle(add("ann", 9, "boxes", 1)), 5, expect.Message{
			Did: "sent Seq 9 again after all that", Why: "a late copy changes nothing, nor what is remembered"})
		s.Handle(add("ann", 1<<63+10, "boxes", 1))
		refuses(t, s.Handle(add("ann", 10, "boxes", 1)), retries.Old, expect.Message{
			Did: "sent an Add with Seq 2^63 + 10, and then one with Seq 10"})
	})
}

func TestWhatComesTooLateIsNotDone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := retries.NewServer(newDisk())
		seq, value := uint64(0), 0
		time.Sleep(300 * time.Microsecond) // milliseconds do not begin when a request comes
		for _, late := range []time.Duration{time.Hour, time.Millisecond, time.Nanosecond} {
			for _, kind := range []retries.Kind{retries.Add, retries.Get} {
				seq++
				req := retries.Request{Client: "ann", Seq: seq, Deadline: time.Now().Add(-late),
					Op: retries.Op{Kind: kind, Key: "boxes", Delta: 1}}
				for i := range 2 {
					did := fmt.Sprintf("sent %s, the Deadline of which was over for %v",
						map[retries.Kind]string{retries.Add: "an Add", retries.Get: "a Get"}[kind], late)
					if i > 0 {
						did += ", and then a copy of it"
					}
					refuses(t, s.Handle(req), retries.Expired, expect.Message{
						Did: did,
						Why: "nobody waits for it any more; a server that works through what nobody waits " +
							"for has no time for what somebody does"})
				}
				counts(t, s, "boxes", value, expect.Message{Did: "sent it, and looked"})
			}
			seq++
			req := add("ann", seq, "boxes", 1)
			req.Deadline = time.Now().Add(late)
			value++
			wants(t, s.Handle(req), value, expect.Message{
				Did: fmt.Sprintf("sent an Add %v before its Deadline", late)})
		}
		wants(t, s.Handle(add("bob", 1, "boxes", 1)), value+1, expect.Message{
			Did: "sent an Add without a Deadline", Why: "the zero time is none, and not one long ago"})
		deadlinesOfAllTimes(t, s, value+1)
	})
}

// deadlinesOfAllTimes sends Adds with Deadlines that are far away. The counter has a value.
func deadlinesOfAllTimes(t *testing.T, s *retries.Server, value int) {
	t.Helper()
	for i, passed := range []time.Time{
		time.Unix(0, 0), time.Unix(-1, 0), time.Unix(-1<<32, 0), time.Time{}.Add(time.Second),
	} {
		req := add("cid", uint64(i)+1, "boxes", 1)
		req.Deadline = passed
		did := fmt.Sprintf("sent an Add with the Deadline %s", passed.UTC().Format(time.RFC3339))
		refuses(t, s.Handle(req), retries.Expired, expect.Message{Did: did,
			Why: "only the zero time is none; a clock that stands at its beginning is a clock like others"})
		counts(t, s, "boxes", value, expect.Message{Did: did + ", and looked"})
	}
	for i, ahead := range []time.Time{
		time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<40, 0), time.Time{}.In(time.FixedZone("CET", 3600)),
	} {
		req := add("dan", uint64(i)+1, "boxes", 1)
		req.Deadline = ahead
		did := fmt.Sprintf("sent an Add with the Deadline %s", ahead.UTC().Format(time.RFC3339))
		if ahead.IsZero() {
			did = "sent an Add with the zero time as its Deadline, in the time zone of Paris"
		}
		value++
		wants(t, s.Handle(req), value, expect.Message{Did: did,
			Why: "it has not passed: who asks for ever, or on another clock's terms, is answered as well"})
	}
}

func TestNamesDoNotMatter(t *testing.T) {
	names := []string{"ann", "boxes", "ann boxes", "a\nb", "{}", `"`, "%d", "ключ"}
	named(t, newDisk(), names, "called as the counters are")
	d := newDisk()
	retries.NewServer(d).Handle(add("ann", 1, "boxes", 0))
	for name := range d.content() {
		names = append(names, name)
	}
	named(t, newDisk(), names, "called as the counters are, some of them as what the server keeps on its disk")
	named(t, newDisk(), []string{"", " ", "a", "A", "a ", " a", "a\n", "a\x00"},
		"called as the counters are, some of them almost alike")
	long := strings.Repeat("a scanner with a long name ", 40)
	named(t, newDisk(), []string{"c", long, long + "1", long + "2"},
		"called as the counters are, some of them by long names that differ at the end only")
	named(t, newDisk(), []string{"b", "b\xff", "b\xfe", "b\uFFFD", "b?"},
		"called as the counters are, some of them by a name of bytes that are no UTF-8")
}

// named has clients with names add to counters with the same names.
func named(t *testing.T, d *disk, names []string, how string) {
	t.Helper()
	s := retries.NewServer(d)
	slices.Sort(names)
	names = slices.Compact(names)
	for _, client := range names {
		for i, key := range names {
			s.Handle(add(client, uint64(i)+2, key, 1))
		}
	}
	did := fmt.Sprintf("sent an Add of 1 to each of %d counters for each of as many clients, %s: %.80q", len(names),
		how, names)
	for _, key := range names {
		counts(t, s, key, len(names), expect.Message{Did: did + fmt.Sprintf("; then asked for %q", key),
			Why: "names come from outside: a scanner that is called as a counter is kept must not overwrite it"})
	}
}

func TestTheDiskStaysSmall(t *testing.T) {
	d := newDisk()
	s := retries.NewServer(d)
	const clients, keys, requests = 10, 5, 10_000
	request := func(i int) retries.Request {
		req := add(fmt.Sprint("scanner-", i%clients), uint64(i/clients)+1, fmt.Sprint("shelf-", i%keys), 1)
		if i%7 == 6 {
			req.Op.Kind = retries.Get
		}
		return req
	}
	for i := range requests {
		s.Handle(request(i))
	}
	did := fmt.Sprintf("sent %d requests for %d clients, to %d counters", requests, clients, keys)
	small(t, d, clients+keys, did)
	counts(t, s, "shelf-0", requests/keys-len(gets(requests, keys)), expect.Message{
		Did: "sent these, and looked at one counter"})
	for i := range requests {
		s.Handle(request(i)) // a copy, or one that is older
		expired := get("late", uint64(i)+1, fmt.Sprint("shelf-", i%keys))
		expired.Deadline = time.Now().Add(-time.Minute)
		s.Handle(expired)
	}
	small(t, d, clients+1+1+keys, did+", all of them again, and as many whose Deadline had passed for another client")
}

// small ends the check if there is too much on a disk for so many clients and counters.
func small(t *testing.T, d *disk, all int, did string) {
	t.Helper()
	size := 0
	for name, entry := range d.content() {
		size += len(name) + len(entry)
	}
	expect.That(t, size <= 200*all, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("at most %d bytes on the disk", 200*all),
		Got:  fmt.Sprintf("%d bytes, %d names", size, len(d.content())),
		Why: "a memory of each request ever made grows until the disk is full. A clerk has only one " +
			"request outstanding at a time",
	})
}

// gets are the requests to the first counter that only read it.
func gets(requests, keys int) (at []int) {
	for i := 0; i < requests; i += keys {
		if i%7 == 6 {
			at = append(at, i)
		}
	}
	return at
}

// gate is a disk on which the n-th use waits, before or after it, until the gate is opened.
type gate struct {
	*disk
	n     int
	after bool
	tl    *timeline.Timeline

	mu    sync.Mutex
	on    bool
	uses  int
	held  chan struct{}
	opens chan struct{}
}

func newGate(n int, after bool, tl *timeline.Timeline) *gate {
	return &gate{disk: newDisk(), n: n, after: after, tl: tl,
		held: make(chan struct{}), opens: make(chan struct{})}
}

func (g *gate) Get(name string) (entry string) {
	g.use("read", func() { entry = g.disk.Get(name) })
	return entry
}

func (g *gate) Commit(entries map[string]string) {
	g.use("commit", func() { g.disk.Commit(entries) })
}

// use does something with the disk. Of the use that waits the others know nothing.
func (g *gate) use(what string, do func()) {
	g.mu.Lock()
	wait := false
	if g.on {
		g.uses++
		wait = g.uses == g.n
	}
	g.mu.Unlock()
	if wait && !g.after {
		g.tl.Point("disk", "%s waits", what)
		close(g.held)
		<-g.opens
	}
	do()
	g.tl.Point("disk", "%s", what)
	if wait && g.after {
		g.tl.Point("disk", "and waits")
		close(g.held)
		<-g.opens
	}
}

// overtake sends two requests. The first waits at one of its uses of the disk until the second has
// been answered or has evidently to wait for the first. It returns false if the first has no such
// use.
func overtake(g *gate, s *retries.Server, lanes [2]string, first, second retries.Request) (
	got [2]retries.Response, met bool,
) {
	g.mu.Lock()
	g.on = true
	g.mu.Unlock()
	send := func(i int, req retries.Request) chan struct{} {
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			call := g.tl.Begin(lanes[i], "Add %d", req.Op.Delta)
			got[i] = s.Handle(req)
			call.End("%s", answer(got[i]))
		}()
		return answered
	}
	one := send(0, first)
	select {
	case <-g.held:
	case <-one:
		return got, false
	}
	two := send(1, second)
	select {
	case <-two:
	case <-time.After(50 * time.Millisecond):
	}
	close(g.opens)
	<-one
	<-two
	return got, true
}

// overtakes has the second of two requests overtake the first at each of its uses of the disk.
func overtakes(t *testing.T, lanes [2]string, first, second retries.Request,
	judge func(s *retries.Server, got [2]retries.Response, did string, tl *timeline.Timeline),
) {
	t.Helper()
	for _, late := range []bool{false, true} {
		for n := 1; ; n++ {
			tl := timeline.New(lanes[0], lanes[1], "disk")
			g := newGate(n, late, tl)
			s := retries.NewServer(g)
			s.Handle(add("bob", 1, "boxes", 40))
			s.Handle(add("ann", 1, "boxes", 1))
			tl.Clear()
			got, met := overtake(g, s, lanes, first, second)
			expect.That(t, met || n > 1, expect.Message{
				Did: "sent an Add", Want: "the server uses the disk", Got: "it does not: " + answer(got[0])})
			if !met {
				break
			}
			where := "before"
			if late {
				where = "after"
			}
			judge(s, got, fmt.Sprintf("let %s wait %s its %d. use of the disk, and meanwhile sent %s",
				lanes[0], where, n, lanes[1]), tl)
		}
	}
}

func TestACopyMeanwhile(t *testing.T) {
	req := add("ann", 2, "boxes", 1)
	overtakes(t, [2]string{"the first", "its copy"}, req, req,
		func(s *retries.Server, got [2]retries.Response, did string, tl *timeline.Timeline) {
			right := func(r retries.Response) bool { return r.Err != "" || r.Value == 42 }
			expect.That(t, right(got[0]) && right(got[1]) && (got[0].Err == "" || got[1].Err == ""),
				expect.Message{Did: did,
					Want: "both are answered 42, or one of them is refused",
					Got:  fmt.Sprintf("%s, and %s", answer(got[0]), answer(got[1])),
					Why:  "there is one result, and whoever gets an answer gets that", Picture: tl})
			tl.Clear()
			counts(t, s, "boxes", 42, expect.Message{Did: did + "; the counter was 41, and both add 1",
				Why: "between looking whether a request is known and remembering it, its copy looks as well"})
			wants(t, s.Handle(req), 42, expect.Message{Did: did + "; and then another copy"})
		})
}

func TestOthersMeanwhile(t *testing.T) {
	overtakes(t, [2]string{"ann", "bob"}, add("ann", 2, "boxes", 1), add("bob", 2, "boxes", 10),
		func(s *retries.Server, got [2]retries.Response, did string, tl *timeline.Timeline) {
			a, b := got[0], got[1]
			expect.That(t, a == retries.Response{Value: 42} && b == retries.Response{Value: 52} ||
				a == retries.Response{Value: 52} && b == retries.Response{Value: 51}, expect.Message{
				Did:  did + "; the counter was 41, ann adds 1, and bob 10",
				Want: "42 for ann and 52 for bob, or 52 for ann and 51 for bob",
				Got:  fmt.Sprintf("%s for ann, %s for bob", answer(a), answer(b)),
				Why:  "what is read before somebody else writes and written afterwards undoes what he did", Picture: tl})
			counts(t, s, "boxes", 52, expect.Message{Did: did})
		})
}

func TestACrashTakesBothOrNeither(t *testing.T) {
	plan := []struct {
		req  retries.Request
		want int
	}{
		{add("ann", 1, "boxes", 1), 1}, {add("bob", 1, "boxes", 10), 11}, {add("ann", 2, "boxes", 100), 111},
		{add("ann", 3, "pallets", 5), 5},
	}
	for _, at := range []moment{beforeCommit, afterCommit} {
		for n := 1; ; n++ {
			tl := timeline.New("clerk", "server", "disk")
			d := newDisk()
			d.dies = func(commit int) moment {
				if commit != n {
					tl.Point("disk", "commit %d", commit)
					return never
				}
				tl.Point("disk", "commit %d: dies %s", commit, at)
				return at
			}
			m := newMachine(d)
			did := fmt.Sprintf("sent %d Adds, one after another; in commit %d, %s, the server died, and "+
				"was made anew on its disk", len(plan), n, at)
			for _, step := range plan {
				call := tl.Begin("clerk", "Add %d", step.req.Op.Delta)
				resp, died := m.handle(step.req)
				if died {
					call.End("no answer")
					tl.Point("server", "restarted")
					call = tl.Begin("clerk", "Add %d, again", step.req.Op.Delta)
					resp, _ = m.handle(step.req)
				}
				call.End("%s", answer(resp))
				wants(t, resp, step.want, expect.Message{Did: did + fmt.Sprintf(
					"; the answer to Add %d by %s, which was sent again if there was none", step.req.Op.Delta,
					step.req.Client), Picture: tl,
					Why: "an addition and the memory of it must reach the disk in one piece: a machine can die " +
						"between any two"})
			}
			if m.deaths == 0 {
				break
			}
			again := retries.NewServer(d)
			for _, i := range []int{1, 3} {
				wants(t, again.Handle(plan[i].req), plan[i].want, expect.Message{
					Did: did + fmt.Sprintf("; in the end another server was made on the disk and got a copy of "+
						"Add %d by %s", plan[i].req.Op.Delta, plan[i].req.Client),
					Why: "a memory that does not outlive the server is gone just when everybody sends again"})
			}
			refuses(t, again.Handle(plan[2].req), retries.Old, expect.Message{
				Did: did + "; in the end another server was made on the disk and got ann's second Add"})
			counts(t, again, "boxes", 111, expect.Message{Did: did})
		}
	}
}
