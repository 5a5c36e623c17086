package upload_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	upload "github.com/backend-labs/backend-labs/labs/i01-stateful-vs-stateless"
)

// server is one of the two kinds, and where its uploads end up.
type server struct {
	kind string
	http.Handler
	store *memory          // of a stateless one
	sink  *sink            // of a stateful one
	node  *upload.Stateful // the same
}

func newStateless() *server {
	m := new(memory)
	return &server{kind: "NewStateless", Handler: upload.NewStateless(m), store: m}
}

func newStateful() *server {
	s := new(sink)
	n := upload.NewStateful(s.flush)
	return &server{kind: "NewStateful", Handler: n, sink: s, node: n}
}

// both runs a part of a check with a server of each kind.
func both(t *testing.T, f func(t *testing.T, s *server)) {
	t.Helper()
	f(t, newStateless())
	f(t, newStateful())
}

// virtual runs f in virtual time. Neither kind has a Close: what they leave behind is no failure.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// whole demands that an upload has arrived as it was sent.
func (s *server) whole(t *testing.T, f file, did string) {
	t.Helper()
	var data []byte
	where, times := "in the store", 1
	if s.store != nil {
		data, _ = s.store.stored(f.id)
	} else {
		data, times = s.sink.of(f.id)
		where = "flushed once"
	}
	expect.That(t, times == 1 && bytes.Equal(data, f.data), expect.Message{
		Did:  fmt.Sprintf("of %s, %s", s.kind, did),
		Want: fmt.Sprintf("the %d bytes of %s, as they were sent, %s", len(f.data), f.id, where),
		Got:  differs(data, f.data, times),
		Why: "the client has been told that everything has arrived, and has deleted its copy; " +
			"what is wrong now stays wrong",
	})
}

func differs(got, want []byte, times int) string {
	switch {
	case times == 0:
		return "it was not flushed"
	case times > 1:
		return fmt.Sprintf("it was flushed %d times", times)
	case len(got) != len(want):
		return fmt.Sprintf("%d bytes", len(got))
	}
	for i := range got {
		if got[i] != want[i] {
			return fmt.Sprintf("%d bytes, of which number %d is the first that is another", len(got), i)
		}
	}
	return "the same bytes"
}

// file is what a client uploads.
type file struct {
	id   string
	data []byte
}

func newFile(id string, size int) file {
	data := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte(id))).Read(data)
	return file{id, data}
}

// send sends the bytes from an offset on, up to another one.
func (f file) send(h http.Handler, from, to int) reply {
	to = min(to, len(f.data))
	return f.patch(h, strconv.Itoa(from), f.data[from:to])
}

// patch sends a chunk, in pieces, as it comes over a network.
func (f file) patch(h http.Handler, offset string, chunk []byte) reply {
	return f.stream(h, offset, &pieces{chunk}, len(chunk))
}

// pieces is a body of which a half is there, and half of the rest, and so on.
type pieces struct{ rest []byte }

func (b *pieces) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest[:(len(b.rest)+1)/2])
	b.rest = b.rest[n:]
	return n, nil
}

// stream sends a body that says that it has so many bytes.
func (f file) stream(h http.Handler, offset string, body io.Reader, size int) reply {
	r := httptest.NewRequest("PATCH", "/u/"+f.id, body)
	r.ContentLength = int64(size)
	r.Header.Set("Content-Type", "application/offset+octet-stream")
	r.Header.Set("Upload-Length", strconv.Itoa(len(f.data)))
	if offset != "" {
		r.Header.Set("Upload-Offset", offset)
	}
	return do(h, r)
}

// part sends a part of an upload that is to have another size than the file.
func (f file) part(h http.Handler, from, to int, length int64) (got reply) {
	defer func() {
		if p := recover(); p != nil {
			got = reply{} // as a server answers: not at all
		}
	}()
	r := httptest.NewRequest("PATCH", "/u/"+f.id, bytes.NewReader(f.data[from:to]))
	r.Header.Set("Upload-Length", strconv.FormatInt(length, 10))
	r.Header.Set("Upload-Offset", strconv.Itoa(from))
	return do(h, r)
}

func (f file) head(h http.Handler) reply {
	return do(h, httptest.NewRequest("HEAD", "/u/"+f.id, http.NoBody))
}

// take sends a part of the file that has to be taken.
func (f file) take(t *testing.T, h http.Handler, from, to int, did string) {
	t.Helper()
	to = min(to, len(f.data))
	got := f.send(h, from, to)
	expect.That(t, got.taken(to), expect.Message{
		Did: fmt.Sprintf("%sPATCH /u/%s at %d, with %d of %d bytes", lead(did), f.id, from, to-from,
			len(f.data)),
		Want: fmt.Sprintf("any 2xx, and Upload-Offset: %d", to),
		Got:  got.String(),
		Why:  "it is the next chunk, at the right place: refused, the upload never comes to its end",
	})
}

// finish sends the rest, in chunks.
func (f file) finish(t *testing.T, h http.Handler, from, chunk int, did string) {
	t.Helper()
	for from < len(f.data) {
		f.take(t, h, from, from+chunk, did)
		from += chunk
	}
}

// at demands what HEAD says.
func (f file) at(t *testing.T, h http.Handler, want int, did, why string) {
	t.Helper()
	got := f.head(h)
	expect.That(t, got.taken(want), expect.Message{
		Did:  lead(did) + "HEAD /u/" + f.id,
		Want: fmt.Sprintf("any 2xx, and Upload-Offset: %d", want),
		Got:  got.String(),
		Why:  why,
	})
}

// unknown demands that nothing is known of an upload.
func (f file) unknown(t *testing.T, h http.Handler, did, why string) {
	t.Helper()
	got := f.head(h)
	expect.That(t, got.status == 404 && !got.says, expect.Message{
		Did:  lead(did) + "HEAD /u/" + f.id,
		Want: "404 without Upload-Offset",
		Got:  got.String(),
		Why:  why,
	})
}

func lead(did string) string {
	if did == "" {
		return ""
	}
	return did + ": "
}

// do sends a request. A handler may cut the connection: then there is no answer.
func do(h http.Handler, r *http.Request) (got reply) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			got = reply{}
		} else if p != nil {
			panic(p)
		}
	}()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel() // as a server does, which closes the body, too
	defer r.Body.Close()
	w := httpwire.New()
	h.ServeHTTP(w.Writer(), r.WithContext(ctx))
	header := w.Header()
	_, says := header["Upload-Offset"]
	return reply{w.Status(), header.Get("Upload-Offset"), says}
}

// reply is what came back.
type reply struct {
	status int
	offset string
	says   bool // there is an Upload-Offset
}

func (r reply) is2xx() bool { return r.status >= 200 && r.status < 300 }

func (r reply) is5xx() bool { return r.status >= 500 && r.status < 600 }

// taken reports whether all is well, and the offset is this one.
func (r reply) taken(offset int) bool { return r.is2xx() && r.is(offset) }

func (r reply) is(offset int) bool { return r.offset == strconv.Itoa(offset) }

func (r reply) String() string {
	switch {
	case r.status == 0:
		return "no answer: the connection was closed"
	case !r.says:
		return fmt.Sprintf("%d without Upload-Offset", r.status)
	}
	return fmt.Sprintf("%d, Upload-Offset: %s", r.status, r.offset)
}
