package nologs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
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
	case d < slow:
		time.Sleep(d)
	default:
		[]func(time.Duration){slowly, moreSlowly, mostSlowly}[len(r.FormValue("how"))%3](d)
	}
	fmt.Fprintln(w, "a page")
}

var errPage = errors.New("no such page")

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
			h.ServeHTTP(httptest.NewRecorder(), req)
			if takes > slow {
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
	h := r.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { slowly(150 * time.Millisecond) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
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
		const did = "made 1000 requests of up to 1 ms and one that was just fast enough"
		expect.That(t, len(r.Dumps()) == 0, expect.Message{Did: did, Want: "no dump", Got: fmt.Sprint(len(r.Dumps())),
			Why: "who has a thousand dumps looks at none"})
		ask(slow+time.Millisecond, "")
		expect.That(t, len(r.Dumps()) == 1, expect.Message{Did: did + ", and then one that was too slow by 1 ms",
			Want: "one dump", Got: fmt.Sprint(len(r.Dumps())), Why: "tomorrow nobody can ask for it any more"})
		shows(t, r.Dumps()[0], ".slowly", did+", and then one that was too slow by 1 ms")
	})
}

func TestFastRequestsCostNothing(t *testing.T) {
	watched(t, 3, func(t *testing.T, r *nologs.Recorder, ask func(time.Duration, string)) {
		const did = "made a slow request, 100 fast ones, and a slow one"
		ask(2*slow, "")
		for range 100 {
			ask(0, "")
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
		for _, takes := range []time.Duration{0, 2 * slow} {
			got := func() (v any) {
				defer func() { v = recover() }()
				ask(takes, "panic")
				return nil
			}()
			did := fmt.Sprintf("made a request that panics after %v", takes)
			expect.That(t, got == errPage, expect.Message{Did: did, Want: "the panic, as it is", Got: fmt.Sprint(got),
				Why: "the server and other middleware have to see it"})
		}
		time.Sleep(time.Second)
		dumps := r.Dumps()
		expect.That(t, len(dumps) == 1, expect.Message{Did: "made a request that panics at once, and one that panics after 1 s",
			Want: "one dump", Got: fmt.Sprint(len(dumps)), Why: "what ends badly is what one wants to know about"})
		shows(t, dumps[0], ".slowly", "made a request that panics after 1 s")
	})
}

func TestWhatPassesThrough(t *testing.T) {
	r := nologs.NewRecorder(slow, 1)
	w, req := httptest.NewRecorder(), httptest.NewRequest("GET", "/lamps", nil)
	same := false
	r.Middleware(http.HandlerFunc(func(rw http.ResponseWriter, rr *http.Request) {
		same = rw == http.ResponseWriter(w) && rr == req
		rw.WriteHeader(http.StatusTeapot)
	})).ServeHTTP(w, req)
	r.Close()
	expect.That(t, same && w.Code == http.StatusTeapot, expect.Message{Did: "made a request",
		Want: "the handler gets the very ResponseWriter and request", Got: "it does not",
		Why: "what is wrapped cannot be flushed, hijacked or sent from a file any more"})
}

func TestClose(t *testing.T) {
	first := nologs.NewRecorder(slow, 3)
	h := first.Middleware(http.HandlerFunc(shopHandler))
	ask := func(h http.Handler, t *testing.T) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/?takes=1s", nil))
		expect.That(t, w.Body.String() == "a page\n", expect.Message{Did: "made a slow request", Want: "the page", Got: w.Body.String()})
		time.Sleep(time.Second)
	}
	bubble.RunLeaky(t, func(t *testing.T) {
		ask(h, t)
		first.Close()
		first.Close()
		ask(h, t)
		expect.That(t, len(first.Dumps()) == 1, expect.Message{
			Did:  "made a slow request, closed the recorder, twice, and made another slow request",
			Want: "the dump of the first", Got: fmt.Sprintf("%d dumps", len(first.Dumps()))})
	})
	second := nologs.NewRecorder(slow, 3)
	h = second.Middleware(http.HandlerFunc(shopHandler))
	bubble.RunLeaky(t, func(t *testing.T) {
		ask(h, t)
		expect.That(t, len(second.Dumps()) == 1, expect.Message{Did: "closed a recorder, started another one, and made a slow request",
			Want: "one dump", Got: fmt.Sprint(len(second.Dumps())), Why: "a process has one flight recorder: who does not stop it has it for ever"})
		second.Close()
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
