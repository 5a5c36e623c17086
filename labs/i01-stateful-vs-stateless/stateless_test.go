package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	upload "github.com/backend-labs/backend-labs/labs/i01-stateful-vs-stateless"
)

const (
	mib   = 1 << 20
	chunk = mib / 16
)

func TestAnyInstanceServesAnyRequest(t *testing.T) {
	f := newFile("lesson", mib)
	m := new(memory)
	three := []http.Handler{upload.NewStateless(m), upload.NewStateless(m), upload.NewStateless(m)}
	anyInstance(t, f, m, "three instances in turn", func(turn int) http.Handler {
		return three[turn%3]
	})
	m = new(memory)
	anyInstance(t, f, m, "an instance of its own for each request", func(int) http.Handler {
		return upload.NewStateless(m)
	})
}

// anyInstance sends a file, and after each chunk asks another instance how far it has come.
func anyInstance(t *testing.T, f file, m *memory, who string,
	instance func(turn int) http.Handler) {
	t.Helper()
	did := "NewStateless, " + who
	for i := range 16 {
		f.take(t, instance(i), i*chunk, (i+1)*chunk, did)
		f.at(t, instance(i+1), (i+1)*chunk, did, "what was answered with 2xx is in the store, where "+
			"every instance finds it; what an instance remembers may be another one's past")
		retry := f.send(instance(i+2), i*chunk, (i+1)*chunk)
		expect.That(t, retry.status == 409 && retry.is((i+1)*chunk), expect.Message{
			Did:  fmt.Sprintf("%s: chunk %d of 16 once more, to another instance", did, i+1),
			Want: fmt.Sprintf("409, Upload-Offset: %d", (i+1)*chunk),
			Got:  retry.String(),
			Why: "the client has not heard the first answer and tries again; the balancer sends it " +
				"wherever there is room",
		})
	}
	data, _ := m.stored(f.id)
	expect.That(t, bytes.Equal(data, f.data), expect.Message{
		Did:  did + ": 1 MiB in 16 chunks",
		Want: "the same bytes in the store",
		Got:  differs(data, f.data, 1),
	})
}

func TestTwoStoresHaveNothingInCommon(t *testing.T) {
	a, b := newStateless(), newStateless()
	first, second := newFile("lesson", 400), newFile("lesson", 300)
	const did = "two stores, with one instance over each"
	first.take(t, a, 0, 200, did)
	second.unknown(t, b, did+". The upload was begun over the other one", "a variable of the "+
		"package is memory, too: two installations in one process see each other's uploads by it, "+
		"and two processes of one installation do not")
	second.take(t, b, 0, 100, did)
	first.finish(t, a, 200, 100, did)
	second.finish(t, b, 100, 100, did)
	a.whole(t, first, "uploaded two files by the same id to two stores")
	b.whole(t, second, "uploaded two files by the same id to two stores")
}

var storeErrors = []error{errors.New("connection refused"), context.DeadlineExceeded,
	http.ErrMissingFile, errors.New("no such upload"), errors.New("another offset"),
	io.EOF, fmt.Errorf("query: %w", io.ErrUnexpectedEOF)}

func TestAStoreThatFailsIs5xx(t *testing.T) {
	for _, cause := range storeErrors {
		for _, call := range []string{"Size", "AppendAt"} {
			failing(t, cause, call)
		}
		answerLost(t, cause)
	}
}

const whyFails = "it is not the client's mistake, and may be over in a moment: told 404, the " +
	"client starts over; told 409, it goes on from a place that nobody knows"

// failing lets one kind of call fail for a while.
func failing(t *testing.T, cause error, call string) {
	t.Helper()
	s, f := newStateless(), newFile("lesson", 400)
	f.take(t, s, 0, 100, s.kind)
	s.store.before = func(_ context.Context, name string) error {
		if name == call {
			return cause
		}
		return nil
	}
	did := fmt.Sprintf("NewStateless, with a Store whose %s fails with %q", call, cause)
	if call == "Size" {
		is5xx(t, f.head(s), did+": HEAD")
		is5xx(t, f.send(s, 0, 100), did+": PATCH at 0 when 100 bytes are there")
	} else {
		is5xx(t, f.send(s, 100, 200), did+": PATCH at 100 when 100 bytes are there")
	}
	s.store.before = nil
	f.at(t, s, 100, did+", and works again", "")
	f.finish(t, s, 100, 100, did+", and works again")
	s.whole(t, f, "let the Store fail for a while, and sent the rest")
}

// answerLost lets the Store do its work, and the instance not hear of it.
func answerLost(t *testing.T, cause error) {
	t.Helper()
	s, f := newStateless(), newFile("lesson", 400)
	f.take(t, s, 0, 100, s.kind)
	s.store.after = func(call string) error {
		if call == "AppendAt" {
			return cause
		}
		return nil
	}
	did := fmt.Sprintf("NewStateless, with a Store that appends and then fails with %q", cause)
	is5xx(t, f.send(s, 100, 200), did+": PATCH at 100 when 100 bytes are there")
	s.store.after = nil
	there, _ := s.store.stored(f.id) // all of the chunk, or a beginning
	f.at(t, s, len(there), did+", and works again", "what is in the Store counts: an instance that "+
		"counts for itself is wrong as soon as an answer is lost")
	f.finish(t, s, len(there), 100, did+", and works again")
	s.whole(t, f, "let the Store append a chunk and fail, and sent the rest")
}

func is5xx(t *testing.T, got reply, did string) {
	t.Helper()
	expect.That(t, got.is5xx(), expect.Message{Did: did, Want: "5xx", Got: got.String(),
		Why: whyFails})
}

type traceID struct{}

// TestTheStoreGetsTheRequestsContext asks for what the context holds, and for its end.
func TestTheStoreGetsTheRequestsContext(t *testing.T) {
	for _, c := range []struct {
		method, call string
		at           int
	}{{"HEAD", "Size", 0}, {"PATCH", "AppendAt", 100}, {"PATCH", "Size", 0}} {
		virtual(t, func(t *testing.T) {
			s, f := newStateless(), newFile("lesson", 400)
			f.take(t, s, 0, 100, s.kind)
			var trace any
			var called bool
			s.store.before = func(ctx context.Context, name string) error {
				if name != c.call || called {
					return nil
				}
				called, trace = true, ctx.Value(traceID{})
				select {
				case <-ctx.Done():
				case <-time.After(time.Minute):
				}
				return ctx.Err()
			}
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), traceID{}, 42),
				5*time.Second)
			defer cancel()
			r := httptest.NewRequestWithContext(ctx, c.method, "/u/lesson",
				bytes.NewReader(f.data[c.at:c.at+100]))
			r.Header.Set("Upload-Offset", strconv.Itoa(c.at))
			r.Header.Set("Upload-Length", "400")
			began := time.Now()
			do(s, r)
			took := time.Since(began)
			expect.That(t, called && trace == 42 && took <= 6*time.Second, expect.Message{
				Did: fmt.Sprintf("sent %s to NewStateless with a context that holds a trace id and "+
					"ends after 5 s; the Store's %s hangs until its own context ends", c.method, c.call),
				Want: "the Store gets this context: the id is in it, and it ends after 5 s",
				Got: fmt.Sprintf("%s got the trace id %v; the client was answered after %v", c.call,
					trace, took),
				Why: "when the client has gone, nobody needs the answer: a call that goes on holds " +
					"a connection of the database, and those run out",
			})
		})
	}
}
