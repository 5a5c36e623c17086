package upload_test

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestAnotherOffsetIsRefused(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		f := newFile("lesson", 400)
		for end := 100; end <= 400; end += 100 {
			f.take(t, s, end-100, end, s.kind)
			for _, at := range []int{end - 100, 0, end - 1, end + 1, 2 * end} {
				if at < 400 {
					refused(t, s, f, at, end)
				}
			}
		}
		s.whole(t, f, "sent 400 bytes in four chunks, and after each one some at other offsets, "+
			"all of them refused")
	})
}

// TestAnyChunkIsTaken sends bodies that do not say how long they are, uploads that are to be very large, and paths that
// are written in another way each time.
func TestAnyChunkIsTaken(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		f := newFile("lesson", 100_000)
		for _, at := range []int{0, 100, 40_000, 99_999} {
			to := map[int]int{0: 100, 100: 40_000, 40_000: 99_999, 99_999: 100_000}[at]
			got := f.stream(s, strconv.Itoa(at), &pieces{f.data[at:to]}, -1)
			did := fmt.Sprintf("%s: PATCH at %d with %d bytes, chunked, so without a Content-Length", s.kind,
				at, to-at)
			expect.That(t, got.taken(to), expect.Message{
				Did:  did,
				Want: fmt.Sprintf("any 2xx, and Upload-Offset: %d", to),
				Got:  got.String(),
				Why: "HTTP lets a client send what it does not know the length of yet; where the body ends " +
					"its reader says",
			})
			f.at(t, s, to, did+"; then", "")
		}
		s.whole(t, f, "sent an upload in chunked bodies")
		huge := newFile("huge", 100)
		for at := 0; at < 100; at += 50 {
			got := huge.part(s, at, at+50, 1<<60)
			expect.That(t, got.taken(at+50), expect.Message{
				Did: fmt.Sprintf("%s: PATCH at %d with 50 bytes, of an upload that is to have 2^60", s.kind,
					at),
				Want: fmt.Sprintf("any 2xx, and Upload-Offset: %d", at+50),
				Got:  got.String(),
				Why: "what a client announces costs it nothing: a server that makes room for it at once is " +
					"brought down by a header",
			})
		}
	})
	wantWhatThePathMeans(t)
}

// wantWhatThePathMeans sends uploads whose ids are written in several ways.
func wantWhatThePathMeans(t *testing.T) {
	t.Helper()
	both(t, func(t *testing.T, s *server) {
		t.Helper()
		for _, tc := range []struct {
			id    string
			paths []string
		}{
			{"lesson 1", []string{"lesson%201", "%6Cesson%201", "lesson%20%31"}},
			{"a/b", []string{"a%2Fb", "a%2fb", "%61%2Fb"}},
			{"50%25", []string{"50%2525", "%350%2525", "50%25%32%35"}},
			{"caf\u00e9+?", []string{"caf%C3%A9+%3F", "caf%c3%a9%2B%3f", "%63af%C3%A9+%3F"}},
		} {
			whole := newFile(tc.id, 300)
			for i, path := range tc.paths {
				f := file{path, whole.data}
				did := fmt.Sprintf("%s; the upload %q, whose path is written in another way each time", s.kind, tc.id)
				f.take(t, s, 100*i, 100*i+100, did)
				file{tc.paths[0], whole.data}.at(t, s, 100*i+100, did,
					"clients and proxies may write a path in another way: it means the same")
			}
			s.whole(t, whole, fmt.Sprintf("sent the upload %q in three chunks, to /u/%s, /u/%s and /u/%s", tc.id,
				tc.paths[0], tc.paths[1], tc.paths[2]))
		}
	})
}

func refused(t *testing.T, s *server, f file, at, end int) {
	t.Helper()
	did := fmt.Sprintf("%s took %d of 400 bytes. PATCH at %d", s.kind, end, at)
	if at == end-100 {
		did += ", the last chunk once more"
	}
	got := f.patch(s, strconv.Itoa(at), bytes.Repeat([]byte{'x'}, min(100, 400-at)))
	expect.That(t, got.status == 409 && got.is(end), expect.Message{
		Did:  did,
		Want: fmt.Sprintf("409, Upload-Offset: %d", end),
		Got:  got.String(),
		Why: "answers are lost, so chunks come twice, and early ones overtake: what is put where it " +
			"does not belong makes a file that nobody can open, and nobody notices",
	})
	f.at(t, s, end, did+", refused; then", "what is refused changes nothing")
}

func TestWhatIsNotKnownIs404(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		f := newFile("lesson", 400)
		newFile("other", 100).take(t, s, 0, 100, s.kind)
		const why = "0 would be a promise that the upload has begun, and 409 one that it exists. With " +
			"404 the client knows that it has to start over"
		f.unknown(t, s, s.kind, why)
		for _, at := range []int{1, 100, 399} {
			got := f.send(s, at, 400)
			did := fmt.Sprintf("%s: PATCH at %d of an upload that nobody has begun", s.kind, at)
			expect.That(t, got.status == 404 && !got.says, expect.Message{
				Did: did, Want: "404 without Upload-Offset", Got: got.String(), Why: why,
			})
			f.unknown(t, s, did+"; then", "what is refused changes nothing")
		}
		f.finish(t, s, 0, 100, s.kind+": begun at last")
		s.whole(t, f, "sent chunks of an unknown upload, and then the upload from its beginning")
	})
}

func TestAnOffsetThatIsNoneIs400(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		begun, fresh := newFile("begun", 400), newFile("fresh", 400)
		begun.take(t, s, 0, 100, s.kind)
		for _, offset := range []string{"", "-1", "-100", "x", "1.5", "1e2", "0x0"} {
			did := fmt.Sprintf("%s: PATCH with the Upload-Offset %q", s.kind, offset)
			if offset == "" {
				did = s.kind + ": PATCH without Upload-Offset"
			}
			for _, f := range []file{begun, fresh} {
				got := f.patch(s, offset, f.data[:100])
				expect.That(t, got.status == 400, expect.Message{
					Did: did + " of " + f.id, Want: "400", Got: got.String(),
					Why: "a guess puts the chunk where it may not belong: the mistake is the client's, " +
						"and has to be seen there",
				})
			}
			const why = "what is refused changes nothing"
			begun.at(t, s, 100, did+"; then", why)
			fresh.unknown(t, s, did+"; then", why)
		}
		for _, f := range []file{begun, fresh} {
			from := map[string]int{"begun": 100}[f.id]
			f.finish(t, s, from, 100, s.kind+": after requests that were answered with 400")
			s.whole(t, f, "sent an upload, and in between some chunks without a sound offset")
		}
	})
}

func TestABodyThatBreaksOff(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		for _, from := range []int{0, 100, 300} { // the first chunk, one between, and the last
			for _, come := range []int{0, 1, 40, 99} {
				breaksOff(t, s, from, come)
			}
		}
	})
}

// breaksOff sends a chunk of 100 bytes of which only some come.
func breaksOff(t *testing.T, s *server, from, come int) {
	t.Helper()
	f := newFile(fmt.Sprintf("lesson-%d-%d", from, come), 400)
	did := fmt.Sprintf("%s took %d of 400 bytes; the next chunk of 100 broke off after %d", s.kind,
		from, come)
	for at := 0; at < from; at += 100 {
		f.take(t, s, at, at+100, s.kind)
	}
	body := io.MultiReader(bytes.NewReader(f.data[from:from+come]), broken{})
	f.stream(s, strconv.Itoa(from), body, 100) // nobody hears the answer
	got := f.head(s)
	at, err := strconv.Atoi(got.offset)
	if from == 0 && got.status == 404 && !got.says {
		at, err = 0, nil
	} else if !got.is2xx() {
		at = -1
	}
	expect.That(t, err == nil && at >= from && at <= from+come, expect.Message{
		Did:  did + ": HEAD",
		Want: "any 2xx, and Upload-Offset: " + span(from, from+come),
		Got:  got.String(),
		Why: "what has not come cannot have been taken: with more the file has a hole, with less " +
			"bytes that were acknowledged are gone",
	})
	f.take(t, s, at, from+100, did+"; then")
	f.finish(t, s, from+100, 100, did+"; then the rest")
	s.whole(t, f, did+"; sent the rest from where HEAD said")
}

func span(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// broken is what is read of a connection that was lost.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
