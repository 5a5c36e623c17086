package web_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// listening opens a stream of events as somebody; each event's name goes to heard.
func (h *house) listening(ctx context.Context, jar http.CookieJar, path string,
	heard chan<- string) error {
	r, err := http.NewRequestWithContext(ctx, "GET", h.server.URL+path, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Jar: jar}).Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	heard <- "open"
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			heard <- name
		}
	}
	return nil
}

// next waits for something that was heard.
func next(t *testing.T, heard <-chan string) string {
	t.Helper()
	select {
	case name := <-heard:
		return name
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was heard for 30 s")
	}
	return ""
}

// TestLive: a change is told to whoever it concerns, and the part that is fetched then has it; the
// end of the server is the end of the streams.
func TestLive(t *testing.T) {
	t.Parallel()
	h := opened(t)
	ada, bob := h.join("Ada"), h.join("Bob")
	instructor := h.instructor()
	room, me, other := make(chan string, 100), make(chan string, 100), make(chan string, 100)
	var all sync.WaitGroup
	all.Go(func() { _ = h.listening(t.Context(), instructor, "/room/live", room) })
	all.Go(func() { _ = h.listening(t.Context(), h.at(ada.Token), "/me/live", me) })
	all.Go(func() { _ = h.listening(t.Context(), h.at(bob.Token), "/me/live", other) })
	for _, heard := range []chan string{room, me, other} {
		if got := next(t, heard); got != "open" {
			t.Fatal(got)
		}
	}
	sub := h.submit(ada.Token, "package x")
	for !strings.Contains(h.get(instructor, "/room/part").body, "in the queue") {
		next(t, room)
	}
	for !strings.Contains(h.get(h.at(ada.Token), "/me/part").body, "waits") {
		next(t, me)
	}
	h.grade(sub)
	for !strings.Contains(h.get(h.at(ada.Token), "/me/part").body, "passed") {
		next(t, me)
	}
	if n := len(other); n > 0 {
		t.Errorf("Bob was told %d times of what is Ada's", n)
	}
	must(t, h.store.Say(t.Context(), "hello"))
	for !strings.Contains(h.get(h.at(bob.Token), "/me/part").body, "hello") {
		next(t, other)
	}
	h.web.Shutdown()
	all.Wait()
}

// TestLive_scale: 300 people's pages are open while they work; how long it takes until the
// instructor's page has something, and what an API call takes, is printed. It is long:
// LABS_TEST_ALL=1.
func TestLive_scale(t *testing.T) {
	if os.Getenv("LABS_TEST_ALL") == "" {
		t.Skip("LABS_TEST_ALL is not set")
	}
	h := opened(t)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	tokens := make([]string, 300)
	for i := range tokens {
		tokens[i] = h.join(fmt.Sprint("Learner ", i)).Token
	}
	for _, token := range tokens {
		heard := make(chan string, 1000)
		jar := h.at(token)
		all.Go(func() { _ = h.listening(ctx, jar, "/me/live", heard) })
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-heard:
					h.get(jar, "/me/part")
				}
			}
		})
	}
	instructor, room := h.instructor(), make(chan string, 10_000)
	all.Go(func() { _ = h.listening(ctx, instructor, "/room/live", room) })
	next(t, room)
	var updates, calls []time.Duration
	var mu sync.Mutex
	all.Go(func() {
		h.busy(ctx, tokens, func(d time.Duration) {
			mu.Lock()
			calls = append(calls,
				d)
			mu.Unlock()
		})
	})
	for i := range 60 {
		text := fmt.Sprintf("question %d.", i)
		begun := time.Now()
		must(t, h.store.Raise(t.Context(), hand(int64(i%300+1), text)))
		for !strings.Contains(h.get(instructor, "/room/part").body, text) {
			next(t, room)
		}
		updates = append(updates, time.Since(begun))
		time.Sleep(100 * time.Millisecond) // the pace of questions, no synchronisation
	}
	stop()
	h.web.Shutdown()
	all.Wait()
	slices.Sort(updates)
	slices.Sort(calls)
	t.Logf("page: median %v, p99 %v; API: %d calls, median %v, p99 %v", updates[len(updates)/2],
		updates[len(updates)*99/100],
		len(calls), calls[len(calls)/2], calls[len(calls)*99/100])
	if p99 := updates[len(updates)*99/100]; p99 > time.Second {
		t.Errorf("the page's p99 is %v", p99)
	}
}

// busy lets everybody report and now and then submit, some 60 calls a second.
func (h *house) busy(ctx context.Context, tokens []string, took func(time.Duration)) {
	for i := 0; ctx.Err() == nil; i++ {
		token := tokens[i%len(tokens)]
		begun := time.Now()
		if i%4 == 0 {
			h.submit(token, fmt.Sprintf("package x // %d", i))
		} else {
			h.call("POST", "/api/v1/reports", token,
				map[string]any{"reports": []map[string]any{{"key": fmt.Sprint(i), "lab": "B10",
					"verdict": run.Failed, "failing": []string{"TestIdleTimeIsCapped"},
					"points": i % 20}}})
		}
		took(time.Since(begun))
		select {
		case <-ctx.Done():
		case <-time.After(15 * time.Millisecond):
		}
	}
}

func hand(who int64, text string) room.Hand {
	return room.Hand{Participant: who, Text: text, At: time.Now().UTC()}
}
