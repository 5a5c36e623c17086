package nologs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	rt "runtime/trace"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	nologs "github.com/backend-labs/backend-labs/labs/a18-no-logs"
)

const slow = 500 * time.Millisecond

// A process has one flight recorder, which runs in real time: recorders are made outside of bubbles.
// What requests take is virtual, so that a fast one is fast on every machine.

// shopHandler takes as long as the query says.
func shopHandler(w http.ResponseWriter, r *http.Request) {
	d, _ := time.ParseDuration(r.FormValue("takes"))
	switch {
	case r.FormValue("how") == "panic":
		slowly(d)
		panic(errPage)
	case r.FormValue("how") == "abort":
		slowly(d)
		panic(http.ErrAbortHandler)
	case r.FormValue("how") == "text":
		slowly(d)
		panic("the page is empty")
	case r.FormValue("how") == "number":
		slowly(d)
		panic(404)
	case r.FormValue("how") == "struct":
		slowly(d)
		panic(page{7})
	case d < slow:
		time.Sleep(d)
	default:
		[]func(time.Duration){slowly, moreSlowly, mostSlowly}[len(r.FormValue("how"))%3](d)
	}
	fmt.Fprintln(w, "a page")
}

var errPage = errors.New("no such page")

type page struct{ number int }

//go:noinline
func slowly(d time.Duration) { time.Sleep(d) }

//go:noinline
func moreSlowly(d time.Duration) { time.Sleep(d) }

//go:noinline
func mostSlowly(d time.Duration) { time.Sleep(d) }

// watched has a check judge a recorder that keeps so many.
func watched(t *testing.T, keep int, check func(t *testing.T, r *nologs.Recorder, ask func(takes time.Duration, how string))) {
	t.Helper()
	r := nologs.NewRecorder(slow, keep)
	t.Cleanup(r.Close)
	h := r.Middleware(http.HandlerFunc(shopHandler))
	bubble.RunLeaky(t, func(t *testing.T) {
		check(t, r, func(takes time.Duration, how string) {
			req := httptest.NewRequest("GET", fmt.Sprintf("/?takes=%v&how=%s", takes, how), nil)
			h.ServeHTTP(httpwire.New().Writer(), req)
			if takes >= slow {
				time.Sleep(time.Second) // as long as a dump may take
			}
		})
	})
}

// shows makes sure that a dump can be read, and that a function is in it.
func shows(t *testing.T, dump []byte, function, did string) {
	t.Helper()
	trace, err := readTrace(dump)
	got := "it cannot be read: " + fmt.Sprint(err)
	if err == nil {
		got = "it is not"
	}
	expect.That(t, err == nil && trace.has(function), expect.Message{Did: did,
		Want: fmt.Sprintf("a dump that go tool trace can read, with %s on a stack", function), Got: got,
		Why: "the dump is to show what the slow request was doing while it was slow"})
}

func TestItHasBeenRecordingBefore(t *testing.T) {
	r := nologs.NewRecorder(50*time.Millisecond, 1)
	defer r.Close()
	another := rt.NewFlightRecorder(rt.FlightRecorderConfig{})
	recording := another.Start() != nil
	another.Stop()
	expect.That(t, recording, expect.Message{Did: "made a recorder, no middleware yet, and tried to start another one",
		Want: "it cannot start, since one is recording", Got: "it starts: nothing is being recorded",
		Why: "what has made the first request slow may have begun before there was a handler"})
	h := r.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { slowly(150 * time.Millisecond) }))
	h.ServeHTTP(httpwire.New().Writer(), httptest.NewRequest("GET", "/", nil))
	const did = "made one request, which was slow, in real time"
	for end := time.Now().Add(5 * time.Second); len(r.Dumps()) == 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	expect.That(t, len(r.Dumps()) == 1, expect.Message{Did: did, Want: "one dump", Got: fmt.Sprint(len(r.Dumps())),
		Why: "tomorrow nobody can ask for it any more"})
	shows(t, r.Dumps()[0], ".slowly", did)
}

func TestASlowRequestIsRecorded(t *testing.T) {
	watched(t, 3, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		for i := range 1000 {
			ask(time.Duration(i%2)*time.Millisecond, "")
		}
		ask(slow-time.Millisecond, "")
		ask(slow, "")
		const did = "made 1000 requests of up to 1 ms, one that was just fast enough, and one that took exactly slow"
		expect.That(t, len(r.Dumps()) == 0, expect.Message{Did: did, Want: "no dump", Got: fmt.Sprint(len(r.Dumps())),
			Why: "who has a thousand dumps looks at none"})
		ask(slow+time.Millisecond, "")
		expect.That(t, len(r.Dumps()) == 1, expect.Message{Did: did + ", and then one that was too slow by 1 ms",
			Want: "one dump", Got: fmt.Sprint(len(r.Dumps())), Why: "tomorrow nobody can ask for it any more"})
		shows(t, r.Dumps()[0], ".slowly", did+", and then one that was too slow by 1 ms")
		ask(slow+time.Nanosecond, "")
		expect.That(t, len(r.Dumps()) == 2, expect.Message{Did: did + ", one that was too slow by 1 ms, and one by 1 ns",
			Want: "two dumps", Got: fmt.Sprint(len(r.Dumps())), Why: "it has taken longer than slow"})
		r.Close()
	})
	watched(t, 3, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		var wg sync.WaitGroup
		wg.Go(func() { ask(10*slow, "x") })
		wg.Go(func() { ask(slow+slow/2, "") })
		time.Sleep(slow)
		ask(time.Millisecond, "")
		time.Sleep(3 * slow)
		const did = "had one request take 5 s, another one 750 ms, and meanwhile a third one 1 ms"
		expect.That(t, len(r.Dumps()) == 1, expect.Message{Did: did + "; looked after 2 s", Want: "one dump",
			Got: fmt.Sprint(len(r.Dumps())), Why: "each request has a time of its own, and none has to wait for the others"})
		wg.Wait()
		expect.That(t, len(r.Dumps()) == 2, expect.Message{Did: did + "; looked after 6 s", Want: "two dumps",
			Got: fmt.Sprint(len(r.Dumps())), Why: "each request has a time of its own"})
		r.Close()
	})
	eachIsARequest(t)
	for _, limit := range []time.Duration{time.Millisecond, 0} {
		shortLimit(t, limit)
	}
}

// eachIsARequest makes slow requests of many kinds, one right after another.
func eachIsARequest(t *testing.T) {
	t.Helper()
	kinds := []struct {
		what, method string
		takes        time.Duration
		change       func(*http.Request) *http.Request
	}{
		{"once more of the same page", "GET", slow, nil},
		{"that sends something", "POST", slow, nil},
		{"of the header alone", "HEAD", slow, nil},
		{"that removes something", "DELETE", slow, nil},
		{"that takes a minute", "GET", time.Minute, nil},
		{"that takes ten hours", "GET", 10 * time.Hour, nil},
		{"whose client has gone meanwhile", "GET", slow, func(r *http.Request) *http.Request {
			ctx, cancel := context.WithTimeout(r.Context(), slow/2)
			t.Cleanup(cancel)
			return r.WithContext(ctx)
		}},
		{"that is to become a websocket", "GET", slow, func(r *http.Request) *http.Request {
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			return r
		}},
		{"of events without an end", "GET", slow, func(r *http.Request) *http.Request {
			r.Header.Set("Accept", "text/event-stream")
			return r
		}},
	}
	r := nologs.NewRecorder(slow, 100)
	t.Cleanup(r.Close)
	h := r.Middleware(http.HandlerFunc(shopHandler))
	bubble.RunLeaky(t, func(t *testing.T) {
		for round := range 2 {
			for i, kind := range kinds {
				req := httptest.NewRequest(kind.method, fmt.Sprintf("/?takes=%v", kind.takes+1), nil)
				if kind.change != nil {
					req = kind.change(req)
				}
				h.ServeHTTP(httpwire.New().Writer(), req)
				synctest.Wait()
				want := round*len(kinds) + i + 1
				for end := time.Now().Add(time.Second); len(r.Dumps()) < want && time.Now().Before(end); {
					time.Sleep(10 * time.Millisecond)
				}
				expect.That(t, len(r.Dumps()) == want, expect.Message{
					Did: fmt.Sprintf("made slow requests one right after another; number %d is one %s, "+
						"and too slow by 1 ns", want, kind.what),
					Want: fmt.Sprintf("dumps: %d", want), Got: fmt.Sprint(len(r.Dumps())),
					Why: "whichever request was slow: somebody has waited for it, or has given up"})
			}
		}
	})
	r.Close()
}

// shortLimit makes a request that takes exactly as long as is not slow, and one that takes 1 ns more.
func shortLimit(t *testing.T, limit time.Duration) {
	t.Helper()
	r := nologs.NewRecorder(limit, 3)
	t.Cleanup(r.Close)
	h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		d, _ := time.ParseDuration(req.FormValue("takes"))
		slowly(d)
	}))
	bubble.RunLeaky(t, func(t *testing.T) {
		for i, takes := range []time.Duration{limit, limit + 1} {
			h.ServeHTTP(httpwire.New().Writer(), httptest.NewRequest("GET", fmt.Sprintf("/?takes=%v", takes), nil))
			time.Sleep(time.Second)
			expect.That(t, len(r.Dumps()) == i, expect.Message{
				Did:  fmt.Sprintf("made a recorder for which %v is not too slow, and a request that took %v", limit, takes),
				Want: fmt.Sprintf("dumps: %d", i), Got: fmt.Sprint(len(r.Dumps())),
				Why: "what is slow says who makes the recorder: a cache must answer in less than a millisecond"})
		}
	})
	r.Close()
}

func TestFastRequestsCostNothing(t *testing.T) {
	watched(t, 3, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		const did = "made a slow request, 100 fast ones, and a slow one"
		ask(2*slow, "")
		for i := range 100 {
			ask(slow*time.Duration(i)/100, "")
		}
		ask(2*slow, "x")
		dumps := r.Dumps()
		expect.That(t, len(dumps) == 2, expect.Message{Did: did, Want: "two dumps", Got: fmt.Sprint(len(dumps))})
		shows(t, dumps[0], ".slowly", did)
		shows(t, dumps[1], ".moreSlowly", did)
		before, _ := readTrace(dumps[0])
		after, _ := readTrace(dumps[1])
		between := after.generation - before.generation
		expect.That(t, between < 30, expect.Message{
			Did:  did + "; compared the generations of the two dumps: each FlightRecorder.WriteTo begins a new one",
			Want: "next to none between them", Got: fmt.Sprint(between),
			Why: "a recorder costs next to nothing until it writes; for that the whole process has to stop"})
	})
}

func TestTheFirstAreKept(t *testing.T) {
	var last trace
	watched(t, 2, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		var before [][]byte
		for n, how := range []string{"", "x", "xx"} {
			ask(2*slow, how)
			did := fmt.Sprintf("made %d slow requests, and two dumps are to be kept", n+1)
			dumps := r.Dumps()
			expect.That(t, len(dumps) == min(n+1, 2), expect.Message{Did: did, Want: fmt.Sprintf("dumps: %d", min(n+1, 2)),
				Got: fmt.Sprint(len(dumps)), Why: "when everything is slow, dumps without end would be the next outage"})
			same := slices.EqualFunc(dumps[:len(before)], before, bytes.Equal)
			expect.That(t, same, expect.Message{Did: did, Want: "those that were there stay, in their order",
				Got: "others in their place", Why: "the first ones show how it began; in the last ones everything waits for everything"})
			if n < 2 {
				shows(t, dumps[n], []string{".slowly", ".moreSlowly"}[n], did+"; looked at the last one")
			}
			before = dumps
		}
		for range 60 {
			ask(2*slow, "")
		}
		expect.That(t, len(r.Dumps()) == 2, expect.Message{Did: "made 63 slow requests, and two dumps are to be kept",
			Want: "dumps: 2", Got: fmt.Sprint(len(r.Dumps()))})
		last, _ = readTrace(before[1])
		r.Close()
	})
	watched(t, 1, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		const did = "made 63 slow requests where two dumps are to be kept; closed the recorder, " +
			"and made a slow request at another one"
		ask(2*slow, "")
		dumps := r.Dumps()
		expect.That(t, len(dumps) == 1, expect.Message{Did: did, Want: "one dump of that one", Got: fmt.Sprint(len(dumps))})
		next, _ := readTrace(dumps[0])
		between := next.generation - last.generation
		expect.That(t, between < 30, expect.Message{
			Did: did + "; compared the generations of its dump and of the last one before: " +
				"each FlightRecorder.WriteTo begins a new one",
			Want: "next to none between them", Got: fmt.Sprint(between),
			Why: "a dump that is thrown away stops the process like any other, and now everything is slow"})
		other := r.Middleware(http.HandlerFunc(shopHandler))
		other.ServeHTTP(httpwire.New().Writer(), httptest.NewRequest("GET", "/?takes=1s", nil))
		time.Sleep(time.Second)
		expect.That(t, len(r.Dumps()) == 1, expect.Message{
			Did:  "made a slow request to each of two handlers with the middleware of one recorder, and one dump is to be kept",
			Want: "one dump", Got: fmt.Sprint(len(r.Dumps())),
			Why: "keep is of the recorder, however many handlers it is round"})
		r.Close()
	})
	watched(t, 2, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { ask(2*slow, "") })
			wg.Go(func() {
				time.Sleep(2 * slow)
				r.Dumps()
			})
		}
		wg.Wait()
		n := len(r.Dumps())
		expect.That(t, n == 1 || n == 2, expect.Message{Did: "made 8 slow requests at once, and two dumps are to be kept",
			Want: "one dump or two", Got: fmt.Sprint(n), Why: "when a request ends, others may be about to make a dump as well"})
		r.Close()
	})
	watched(t, 0, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		ask(2*slow, "")
		expect.That(t, len(r.Dumps()) == 0, expect.Message{Did: "made a slow request, and no dump is to be kept: keep is 0",
			Want: "none", Got: fmt.Sprint(len(r.Dumps())), Why: "who wants no dumps says 0"})
	})
}

func TestDumpsDoNotChange(t *testing.T) {
	watched(t, 3, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		ask(2*slow, "")
		before := r.Dumps()
		expect.That(t, len(before) == 1, expect.Message{Did: "made a slow request", Want: "one dump", Got: fmt.Sprint(len(before))})
		was := slices.Clone(before[0])
		ask(2*slow, "x")
		expect.That(t, len(before) == 1 && bytes.Equal(before[0], was), expect.Message{Did: "took the dumps, and made another slow request",
			Want: "what was taken is as it was", Got: "it has changed"})
		clear(before[0])
		before[0] = nil
		after := r.Dumps()
		expect.That(t, len(after) == 2 && bytes.Equal(after[0], was), expect.Message{
			Did: "took the dumps, overwrote them, and took them again", Want: "they are as they were", Got: "they have changed"})
	})
}

func TestAPanicIsRecorded(t *testing.T) {
	watched(t, 3, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		panics := func(takes time.Duration, how string, with any) {
			got := func() (v any) {
				defer func() { v = recover() }()
				ask(takes, how)
				return nil
			}()
			did := fmt.Sprintf("made a request that panics after %v, with %#v", takes, with)
			if err, ok := with.(error); ok {
				did = fmt.Sprintf("made a request that panics after %v, with %q", takes, err)
			}
			expect.That(t, got == with, expect.Message{Did: did, Want: "the panic, as it is", Got: fmt.Sprint(got),
				Why: "the server and other middleware have to see it"})
			time.Sleep(time.Second)
		}
		panics(0, "panic", errPage)
		panics(2*slow, "panic", errPage)
		dumps := r.Dumps()
		expect.That(t, len(dumps) == 1, expect.Message{Did: "made a request that panics at once, and one that panics after 1 s",
			Want: "one dump", Got: fmt.Sprint(len(dumps)), Why: "what ends badly is what one wants to know about"})
		shows(t, dumps[0], ".slowly", "made a request that panics after 1 s")
		panics(0, "abort", http.ErrAbortHandler)
		panics(2*slow, "abort", http.ErrAbortHandler)
		expect.That(t, len(r.Dumps()) == 2, expect.Message{
			Did:  "made two more, which panic with http.ErrAbortHandler, at once and after 1 s",
			Want: "two dumps", Got: fmt.Sprint(len(r.Dumps())), Why: "a handler that aborts has panicked like any other"})
		for _, takes := range []time.Duration{0, 2 * slow} {
			panics(takes, "text", "the page is empty")
			panics(takes, "number", 404)
			panics(takes, "struct", page{7})
		}
	})
}

func TestWhatPassesThrough(t *testing.T) {
	r := nologs.NewRecorder(slow, 1)
	w, req := httpwire.New(), httptest.NewRequest("GET", "/lamps", nil)
	same := false
	r.Middleware(http.HandlerFunc(func(rw http.ResponseWriter, rr *http.Request) {
		same = rw == w.Writer() && rr == req
		rw.WriteHeader(http.StatusTeapot)
	})).ServeHTTP(w.Writer(), req)
	r.Close()
	expect.That(t, same && w.Status() == http.StatusTeapot, expect.Message{Did: "made a request",
		Want: "the handler gets the very ResponseWriter and request", Got: "it does not",
		Why: "what is wrapped cannot be flushed, hijacked or sent from a file any more"})
}

func TestClose(t *testing.T) {
	first := nologs.NewRecorder(slow, 3)
	h := first.Middleware(http.HandlerFunc(shopHandler))
	ask := func(h http.Handler, t *testing.T) {
		w := httpwire.New()
		h.ServeHTTP(w.Writer(), httptest.NewRequest("GET", "/?takes=1s", nil))
		expect.That(t, w.Body() == "a page\n", expect.Message{Did: "made a slow request", Want: "the page", Got: w.Body()})
		time.Sleep(time.Second)
	}
	bubble.RunLeaky(t, func(t *testing.T) {
		ask(h, t)
		first.Close()
		ask(h, t)
		expect.That(t, len(first.Dumps()) == 1, expect.Message{
			Did:  "made a slow request, closed the recorder, and made another slow request",
			Want: "the dump of the first", Got: fmt.Sprintf("%d dumps", len(first.Dumps()))})
	})
	second := nologs.NewRecorder(slow, 3)
	late := h
	h = second.Middleware(http.HandlerFunc(shopHandler))
	bubble.RunLeaky(t, func(t *testing.T) {
		first.Close()
		ask(late, t)
		expect.That(t, len(first.Dumps()) == 1 && len(second.Dumps()) == 0, expect.Message{
			Did:  "closed a recorder, started another one, closed the first one again, and made a slow request to its handler",
			Want: "the first one has the dump that it had, and the other one none",
			Got:  fmt.Sprintf("%d and %d", len(first.Dumps()), len(second.Dumps())),
			Why:  "a recorder is about the requests of its own middleware"})
		ask(h, t)
		expect.That(t, len(second.Dumps()) == 1, expect.Message{Did: "closed a recorder, started another one, and made a slow request",
			Want: "one dump", Got: fmt.Sprint(len(second.Dumps())), Why: "a process has one flight recorder: who does not stop it has it for ever"})
		second.Close()
		second.Close()
		ask(h, t)
		expect.That(t, len(second.Dumps()) == 1, expect.Message{
			Did:  "made a slow request, closed the recorder twice, and made another slow request",
			Want: "the dump of the first", Got: fmt.Sprintf("%d dumps", len(second.Dumps()))})
	})
}

// trace is what the checks know of an execution trace.
type trace struct {
	generation uint64 // of its last part; another one begins with each WriteTo, and each second
	text       []byte // the names of all functions that are on stacks
}

func (t trace) has(function string) bool { return bytes.Contains(t.text, []byte(function)) }

// readTrace reads an execution trace from its beginning to its end, by the batch.
func readTrace(dump []byte) (t trace, err error) {
	header, rest, _ := bytes.Cut(dump, []byte("\x00\x00\x00"))
	if !strings.HasPrefix(string(header), "go 1.") || !strings.HasSuffix(string(header), " trace") {
		return t, errors.New("it is no execution trace")
	}
	const batch, stringsBatch, batchesEnd = 1, 4, 40 // kinds of events
	batches := 0
	for r := bytes.NewReader(rest); ; batches++ {
		kind, err := r.ReadByte()
		if err == io.EOF {
			break
		}
		if kind > batchesEnd { // the end of a generation stands for itself
			continue
		}
		if kind != batch {
			return t, fmt.Errorf("event %d, where a batch begins", kind)
		}
		var head [4]uint64 // generation, thread, time, size
		for i := range head {
			if head[i], err = binary.ReadUvarint(r); err != nil {
				return t, io.ErrUnexpectedEOF
			}
		}
		t.generation = max(t.generation, head[0])
		data := make([]byte, min(head[3], 1<<20))
		if _, err := io.ReadFull(r, data); err != nil {
			return t, io.ErrUnexpectedEOF
		}
		if len(data) > 0 && data[0] == stringsBatch {
			t.text = append(t.text, data...)
		}
	}
	if batches == 0 {
		return t, io.ErrUnexpectedEOF
	}
	return t, nil
}
