package upload_test

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestCopiesOfAChunkAtOnce(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		for round := range 20 {
			f := newFile(fmt.Sprint("lesson-", round), 300)
			for at := 0; at < 300; at += 100 {
				copies(t, s, f, at)
			}
			s.whole(t, f, "sent each of three chunks eight times at the same moment")
		}
	})
}

// copies sends a chunk eight times at once.
func copies(t *testing.T, s *server, f file, at int) {
	t.Helper()
	const n = 8
	var begun atomic.Int64
	var wg sync.WaitGroup
	replies := make([]reply, n)
	for i := range n {
		wg.Go(func() {
			body := &meeting{data: f.data[at : at+100], begun: &begun, all: n}
			replies[i] = f.stream(s, strconv.Itoa(at), body, 100)
		})
	}
	var look reply
	wg.Go(func() { look = f.head(s) })
	wg.Wait()
	looked(t, s, look, at)
	taken, refused, got := 0, 0, ""
	for _, r := range replies {
		switch {
		case r.taken(at + 100):
			taken++
		case r.status == 409 && r.says:
			refused++
		default:
			got = "; and one was answered with " + r.String()
		}
	}
	expect.That(t, taken == 1 && refused == n-1, expect.Message{
		Did: fmt.Sprintf("sent the chunk at %d of 300 bytes eight times at the same moment to %s", at,
			s.kind),
		Want: fmt.Sprintf("one is taken, with Upload-Offset: %d, and seven are answered with 409",
			at+100),
		Got: fmt.Sprintf("%d taken, %d times 409%s", taken, refused, got),
		Why: "an impatient client sends a chunk again while the first one is still on its way; between " +
			"the look at the offset and the append there is room for the other one",
	})
}

// looked is what HEAD may say while a chunk is being taken.
func looked(t *testing.T, s *server, look reply, at int) {
	t.Helper()
	ok := look.taken(at) || look.taken(at+100) || at == 0 && look.status == 404
	expect.That(t, ok, expect.Message{
		Did: fmt.Sprintf("sent HEAD to %s while the chunk at %d of 300 bytes was on its way",
			s.kind, at),
		Want: fmt.Sprintf("any 2xx, and Upload-Offset: %d or %d", at, at+100),
		Got:  look.String(),
		Why:  "whoever asks in between gets one answer or the other, and nothing in the middle",
	})
}

// meeting is a body that does not end before all others have begun, if they do soon.
type meeting struct {
	data  []byte
	begun *atomic.Int64
	all   int64
	first sync.Once
}

func (m *meeting) Read(p []byte) (int, error) {
	m.first.Do(func() { m.begun.Add(1) })
	for i := 0; i < 300 && m.begun.Load() < m.all; i++ {
		runtime.Gosched()
	}
	if len(m.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, m.data)
	m.data = m.data[n:]
	return n, nil
}

func TestFiftyUploadsAtOnce(t *testing.T) {
	both(t, func(t *testing.T, s *server) {
		var files []file
		for i := range 25 {
			files = append(files, newFile(fmt.Sprintf("Lesson-%d", i), 800+i),
				newFile(fmt.Sprintf("lesson-%d", i), 900-i))
		}
		var wg sync.WaitGroup
		wrong := make([]string, len(files))
		for i, f := range files {
			wg.Go(func() {
				for at := 0; at < len(f.data) && wrong[i] == ""; at += 100 {
					end := min(at+100, len(f.data))
					if got := f.send(s, at, end); !got.taken(end) {
						wrong[i] = fmt.Sprintf("%s: PATCH at %d: %s", f.id, at, got)
					} else if got = f.head(s); !got.taken(end) {
						wrong[i] = fmt.Sprintf("%s: HEAD after %d bytes: %s", f.id, end, got)
					}
				}
			})
		}
		wg.Wait()
		for i, f := range files {
			expect.That(t, wrong[i] == "", expect.Message{
				Did:  fmt.Sprintf("let 50 clients send an upload each to %s, at the same time", s.kind),
				Want: "every chunk is taken, and HEAD says so",
				Got:  wrong[i],
				Why:  "each upload is a conversation of its own; others change nothing in it",
			})
			s.whole(t, f, "let 50 clients send an upload each, at the same time")
		}
	})
}

// crowd is how many are slow at once: more than a pool of workers has.
const crowd = 50

// slow is how long a store or a flush takes for those uploads that are called so.
func slow(id string) time.Duration {
	if strings.HasPrefix(id, "slow") {
		return time.Minute
	}
	return 0
}

// TestNoUploadWaitsForAClient lets many stall for a minute, and sends another upload meanwhile.
func TestNoUploadWaitsForAClient(t *testing.T) {
	virtual(t, func(t *testing.T) {
		both(t, func(t *testing.T, s *server) {
			for _, begun := range []bool{false, true} {
				stalls(t, s, begun)
			}
		})
	})
}

func TestNoUploadWaitsForTheStore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := newStateless()
		s.store.slow = slow
		beside(t, s, "while the Store took a minute for a call of each of 50 other uploads")
		for i := range crowd {
			go newFile(fmt.Sprint("slow-", i), 100).head(s)
		}
		synctest.Wait()
		quick(t, s, "quick-2", "while the Store took a minute to say the size of 50 other uploads")
	})
}

func TestNoUploadWaitsForAFlush(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := newStateful()
		s.sink.slow = slow
		beside(t, s, "while flush took a minute for each of 50 other uploads")
	})
}

// stalls has clients that send half of a body, and are silent for a minute.
func stalls(t *testing.T, s *server, begun bool) {
	t.Helper()
	var files []file
	var pipes []*io.PipeWriter
	done, from := make(chan reply, crowd), 0
	if begun {
		from = 100
	}
	for i := range crowd {
		f := newFile(fmt.Sprintf("stalls-%v-%d", begun, i), 200)
		if begun {
			f.take(t, s, 0, 100, s.kind)
		}
		r, w := io.Pipe()
		go func() { done <- f.stream(s, strconv.Itoa(from), r, 100) }()
		go w.Write(f.data[from : from+50])
		files, pipes = append(files, f), append(pipes, w)
	}
	synctest.Wait()
	time.AfterFunc(time.Minute, func() {
		for i, f := range files {
			go func() {
				pipes[i].Write(f.data[from+50 : from+100])
				pipes[i].Close()
			}()
		}
	})
	quick(t, s, fmt.Sprintf("quick-%v", begun), "while 50 clients stalled in the middle of a body")
	for range files {
		got := <-done
		expect.That(t, got.taken(from+100), expect.Message{
			Did: fmt.Sprintf("%s: sent a half of a chunk at %d, and the other a minute later", s.kind,
				from),
			Want: fmt.Sprintf("any 2xx, and Upload-Offset: %d", from+100),
			Got:  got.String(),
			Why:  "a slow connection is what chunks are made for",
		})
	}
	for _, f := range files {
		f.finish(t, s, from+100, 100, s.kind)
		s.whole(t, f, "sent a chunk in two halves, with a minute between them")
	}
}

// beside sends uploads for which something takes a minute, and another one meanwhile.
func beside(t *testing.T, s *server, when string) {
	t.Helper()
	done := make(chan reply, crowd)
	for i := range crowd {
		go func() { done <- newFile(fmt.Sprint("slow-", i), 100).send(s, 0, 100) }()
	}
	synctest.Wait()
	quick(t, s, "quick", when)
	for range crowd {
		got := <-done
		expect.That(t, got.taken(100), expect.Message{
			Did:  s.kind + ": an upload " + when,
			Want: "any 2xx, and Upload-Offset: 100, for the others, too",
			Got:  got.String(),
		})
	}
	for i := range crowd {
		s.whole(t, newFile(fmt.Sprint("slow-", i), 100), "sent 50 uploads for which that took a minute")
	}
}

// quick sends an upload, which has to take no time.
func quick(t *testing.T, s *server, id, when string) {
	t.Helper()
	began, f := time.Now(), newFile(id, 300)
	f.unknown(t, s, s.kind+", "+when, "")
	for at := 0; at < 300; at += 100 {
		f.take(t, s, at, at+100, s.kind+", "+when)
		f.at(t, s, at+100, s.kind+", "+when, "")
	}
	took := time.Since(began)
	expect.That(t, took < time.Second, expect.Message{
		Did:  fmt.Sprintf("%s: sent an upload of three chunks %s", s.kind, when),
		Want: "it takes no time",
		Got:  fmt.Sprintf("it took %v", took),
		Why: "one client on a train must not stop all others; a lock that is held while something " +
			"takes its time makes them one queue",
	})
	s.whole(t, f, "sent an upload "+when)
	// Which of them would meet a slow one in a table of locks is a matter of luck: with many, some do.
	began = time.Now()
	for i := range 1000 {
		other := newFile(fmt.Sprintf("many-%s-%d", id, i), 1)
		other.take(t, s, 0, 1, s.kind+", "+when)
		took := time.Since(began)
		expect.That(t, took < time.Second, expect.Message{
			Did:  fmt.Sprintf("%s: sent 1000 uploads of a byte %s", s.kind, when),
			Want: "none takes any time",
			Got:  fmt.Sprintf("number %d took %v", i+1, took),
			Why: "a lock that some uploads share makes them one queue, if a shorter one: who is in it is " +
				"luck, and with many clients somebody always is",
		})
	}
}
