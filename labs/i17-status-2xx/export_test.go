package docs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	docs "github.com/backend-labs/backend-labs/labs/i17-status-2xx"
)

// over sends a request to a real server. It follows nothing.
func over(t *testing.T, client *http.Client, method, path, body string) answer {
	t.Helper()
	got, err := try(t.Context(), client, method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

func try(
	ctx context.Context, client *http.Client, method, path, body string,
) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, memhttp.URL+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	res, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(data)}, err
}

func TestAnExportIsAcceptedNotDone(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s, tl := newStore(), timeline.New("client", "export")
		s.tl = tl
		client := memhttp.Serve(t, docs.Documents(s)).Client()
		start := time.Now()
		got := over(t, client, "POST", "/exports", "")
		took := time.Since(start)
		tl.Point("client", "POST: %d", got.status)
		did := "POST /exports, for which the store takes 5 s"
		expect.That(t, got.status == 202 && took == 0, expect.Message{Did: did,
			Want: "202 at once: accepted, and not done", Got: fmt.Sprintf("%s after %v", got, took),
			Picture: tl,
			Why:     "what takes minutes ends in a timeout, and what is not done must not be called so"})
		monitor := where(t, "/exports", got)
		expect.That(t, monitor != "", expect.Message{Did: did, Want: "one Location: the monitor",
			Got: got.String(), Why: "accepted: how does one learn what came of it?"})
		for range 4 {
			time.Sleep(time.Second)
			got := over(t, client, "GET", monitor, "")
			tl.Point("client", "monitor: %d", got.status)
			wantJSON(t, got, 200, `{"state":"running"}`, expect.Message{Picture: tl,
				Did: fmt.Sprintf("%s; GET of the monitor after %v", did, time.Since(start)),
				Why: "the monitor is there, and this is what it says; the export is not done"})
		}
		isDone(t, client, s, monitor, start)
		expect.Show(t, "an export, from accepted to done", tl)
	})
	for _, result := range []string{`{"orders":9007199254740993,"sum":0.10}`, `"<&>"`, `false`, `{}`, `null`} {
		bubble.Run(t, func(t *testing.T) {
			s := newStore()
			s.result = result
			h := docs.Documents(s)
			monitor := where(t, "/exports", ask(h, "POST", "/exports", ""))
			time.Sleep(6 * time.Second)
			to := where(t, monitor, ask(h, "GET", monitor, ""))
			wantJSON(t, ask(h, "GET", to, ""), 200, result, expect.Message{
				Did: fmt.Sprintf("GET of the result of an export, which is %s", result),
				Why: "what Export returned is not to be read and written anew: a number may be larger than a float64 " +
					"can tell"})
			wantStatus(t, ask(docs.Documents(newStore()), "GET", to, ""), expect.Message{
				Did: "POST /exports; GET of its result, when it is done, from another Documents, with another store",
				Why: "there nobody has started an export, so there is nothing that one could have come of it"}, 404)
		})
	}
}

// isDone demands that an export is done when its 5 s are over, and stays so.
func isDone(t *testing.T, client *http.Client, s *store, monitor string, start time.Time) {
	t.Helper()
	tl := s.tl
	time.Sleep(time.Second + time.Millisecond)
	got := over(t, client, "GET", monitor, "")
	tl.Point("client", "monitor: %d", got.status)
	did := fmt.Sprintf("POST /exports, for which the store takes 5 s; GET of the monitor after %v",
		time.Since(start))
	result := where(t, monitor, got)
	_, ended := s.started()
	expect.That(t, got.status == 303 && result != "", expect.Message{Did: did,
		Want: "303, with the result in Location",
		Got:  fmt.Sprintf("%s; exports that were stopped: %d", got, ended), Picture: tl,
		Why: "the answer to how far it is leads to the result when there is one; and work that " +
			"ends with the request that began it is never done"})
	wantJSON(t, over(t, client, "GET", result, ""), 200, `[{"export":1}]`, expect.Message{
		Did: did + ", and of the result"})
	wantJSON(t, over(t, client, "GET", result, ""), 200, `[{"export":1}]`, expect.Message{
		Did: did + ", and of the result, twice"})
	wantStatus(t, over(t, client, "GET", monitor, ""), expect.Message{
		Did: did + ", of the result, and of the monitor again",
		Why: "whoever has lost the answer, or comes second, asks it, too"}, 303)
	time.Sleep(25 * time.Hour)
	wantJSON(t, over(t, client, "GET", result, ""), 200, `[{"export":1}]`, expect.Message{
		Did: did + ", and of the result, again on the next day",
		Why: "it was started, and it is done: that does not change over night"})
	n, _ := s.started()
	expect.That(t, n == 1, expect.Message{Did: did, Want: "Export was called once",
		Got: fmt.Sprint(n, " times"), Picture: tl,
		Why: "to ask for the state must not start the work again"})
}

func TestEachExportIsItsOwn(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newStore()
		client := memhttp.Serve(t, docs.Documents(s)).Client()
		var monitors []string
		for range 2 {
			monitors = append(monitors, where(t, "/exports", over(t, client, "POST", "/exports", "")))
			time.Sleep(3 * time.Second)
		}
		did := "POST /exports, and again 3 s later, where each export takes 5 s"
		expect.That(t, monitors[0] != monitors[1] && monitors[0] != "", expect.Message{Did: did,
			Want: "two monitors", Got: fmt.Sprintf("%q", monitors)})
		got := over(t, client, "GET", monitors[0], "")
		wantStatus(t, got, expect.Message{Did: did + "; 3 s after that GET of the first monitor"}, 303)
		wantJSON(t, over(t, client, "GET", monitors[1], ""), 200, `{"state":"running"}`, expect.Message{
			Did: did + "; 3 s after that GET of the second monitor"})
		first := where(t, monitors[0], got)
		time.Sleep(3 * time.Second)
		second := where(t, monitors[1], over(t, client, "GET", monitors[1], ""))
		for i, result := range []string{first, second} {
			wantJSON(t, over(t, client, "GET", result, ""), 200, fmt.Sprintf(`[{"export":%d}]`, i+1),
				expect.Message{Did: did + fmt.Sprintf("; GET of result %d when both are done", i+1)})
		}
		wantStatus(t, over(t, client, "GET", monitors[0]+"x", ""), expect.Message{
			Did: did + "; GET of the first monitor with an x behind it",
			Why: "that would be another export's, and nobody has started it"}, 404)
		n, _ := s.started()
		expect.That(t, n == 2, expect.Message{Did: did, Want: "Export was called twice",
			Got: fmt.Sprint(n, " times")})
	})
}

func TestManyExportsAtOnce(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const many = 150
		s := newStore()
		h := docs.Documents(s)
		answers, asked := make([]answer, many), make([]answer, many)
		var all sync.WaitGroup
		start := time.Now()
		for i := range many {
			all.Go(func() {
				answers[i] = ask(h, "POST", "/exports", "")
				if monitor := where(t, "/exports", answers[i]); monitor != "" {
					asked[i] = ask(h, "GET", monitor, "")
				}
			})
		}
		all.Wait()
		took := time.Since(start)
		did := fmt.Sprintf("%d times POST /exports in the same moment, where an export takes 5 s", many)
		monitors := map[string]bool{}
		for _, got := range answers {
			expect.That(t, got.status == 202 && took == 0, expect.Message{Did: did, Want: "202 at once for each",
				Got: fmt.Sprintf("%s, and all of them after %v", got, took), Why: "it is accepted, and not done"})
			monitors[where(t, "/exports", got)] = true
		}
		expect.That(t, len(monitors) == many && !monitors[""], expect.Message{Did: did,
			Want: fmt.Sprintf("%d monitors", many), Got: fmt.Sprint(len(monitors)),
			Why: "a monitor is for one export: whoever shares one gets what somebody else has begun"})
		for _, got := range asked {
			wantJSON(t, got, 200, `{"state":"running"}`, expect.Message{
				Did: did + ", and GET of each monitor as soon as it was known",
				Why: "one client asks while others begin"})
		}
		time.Sleep(10 * time.Minute)
		results := map[string]bool{}
		for monitor := range monitors {
			got := ask(h, "GET", monitor, "")
			wantStatus(t, got, expect.Message{Did: did + "; GET of a monitor 10 minutes later",
				Why: "each was accepted, and each is done"}, 303)
			results[ask(h, "GET", where(t, monitor, got), "").body] = true
		}
		synctest.Wait() // whatever a GET of a monitor has begun
		n, _ := s.started()
		expect.That(t, n == many && len(results) == many, expect.Message{Did: did,
			Want: fmt.Sprintf("Export called %d times, and as many results", many),
			Got:  fmt.Sprintf("%d times, and %d results", n, len(results))})
	})
}

func TestAnExportOutlivesItsClient(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newStore()
		l := memhttp.Serve(t, docs.Documents(s))
		ctx, cancel := context.WithCancel(t.Context())
		got, err := try(ctx, l.Client(), "POST", "/exports", "")
		expect.NoError(t, err, expect.Message{Did: "POST /exports", Want: "an answer"})
		cancel()
		time.Sleep(5*time.Second + time.Millisecond)
		monitor := where(t, "/exports", got)
		n, ended := s.started()
		expect.That(t, got.status == 202 && n == 1 && ended == 0, expect.Message{
			Did:  "POST /exports; its client goes; 5.001 s later",
			Want: "one export, which has not been stopped",
			Got:  fmt.Sprintf("%s; exports: %d, of them stopped: %d", got, n, ended),
			Why:  "it was accepted: somebody else may come for the result"})
		wantStatus(t, over(t, l.Client(), "GET", monitor, ""), expect.Message{
			Did: "POST /exports; its client goes; 5.001 s later another one asks the monitor"}, 303)
		wantStatus(t, ask(docs.Documents(newStore()), "GET", monitor, ""), expect.Message{
			Did: "POST /exports; GET of its monitor from another Documents, with another store",
			Why: "there nobody has started an export, and nobody may see that of the other store"}, 404)
	})
	bubble.Run(t, func(t *testing.T) {
		s := newStore()
		s.takes = 20 * time.Minute
		client := memhttp.Serve(t, docs.Documents(s)).Client()
		monitor := where(t, "/exports", over(t, client, "POST", "/exports", ""))
		time.Sleep(20*time.Minute + time.Millisecond)
		got := over(t, client, "GET", monitor, "")
		const did = "POST /exports, for which the store takes 20 minutes; GET of the monitor when they are over"
		wantStatus(t, got, expect.Message{Did: did, Why: "it was accepted because it takes long"}, 303)
		wantJSON(t, over(t, client, "GET", where(t, monitor, got), ""), 200, `[{"export":1}]`,
			expect.Message{Did: did + ", and of the result", Why: "it was accepted because it takes long"})
	})
}
