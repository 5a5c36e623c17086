package queue_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/queue"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/room/roomtest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv("QUEUE_TEST_WORKER"); url != "" {
		stuckWorker(url)
	}
	os.Exit(roomtest.Main(m))
}

// stuckWorker is a process that begins what waits and never ends it.
func stuckWorker(url string) {
	s, err := room.Open(context.Background(), url)
	if err == nil {
		err = queue.Work(context.Background(), s, queue.Options{Slots: 1, Name: "stuck",
			Grade: func(ctx context.Context, _ string, _ map[string][]byte) (run.Result, error) {
				fmt.Println("begun")
				<-ctx.Done()
				return run.Result{}, ctx.Err()
			}})
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// place is a room with a queue and some participants.
type place struct {
	t     *testing.T
	store *room.Store
	queue *queue.Queue
	who   []room.Participant
}

func newPlace(t *testing.T, url string, participants int) *place {
	t.Helper()
	s, err := room.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Create(t.Context(), room.Room{Title: "T", Code: "CODE", Labs: []string{"B01"}}); err != nil {
		t.Fatal(err)
	}
	q, err := queue.New(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, store: s, queue: q}
	for i := range participants {
		who, _, err := s.Join(t.Context(), "CODE", fmt.Sprintf("Learner %d", i))
		if err != nil {
			t.Fatal(err)
		}
		p.who = append(p.who, who)
	}
	return p
}

// hand hands in, and returns the number of the submission.
func (p *place) hand(who int, text string) int64 {
	p.t.Helper()
	sub, _, err := p.store.Submit(p.t.Context(), p.who[who].ID, "B01", map[string][]byte{"adder.go": []byte(text)},
		p.queue.Enqueue)
	if err != nil {
		p.t.Fatal(err)
	}
	return sub.ID
}

// work starts a worker that ends with the test, or before it by stop.
func (p *place) work(o queue.Options) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- queue.Work(ctx, p.store, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("the worker ended with %v", err)
		}
	})
	p.t.Cleanup(stop)
	return stop
}

// wait waits until f holds.
func (p *place) wait(what string, f func() bool) {
	p.t.Helper()
	for range 1200 {
		if f() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("a minute later there is still not %s", what)
}

// graded counts the submissions that have their verdict.
func (p *place) graded() (n int) {
	p.t.Helper()
	all, err := p.store.Submissions(p.t.Context(), 0, "")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range all {
		if s.Graded != nil {
			n++
		}
	}
	return n
}

// grade is what judges in these tests.
type grade = func(ctx context.Context, lab string, files map[string][]byte) (run.Result, error)

// passes judges by the text: what says "wrong" fails.
func passes(_ context.Context, lab string, files map[string][]byte) (run.Result, error) {
	r := run.Result{Schema: run.Schema, Lab: lab, Verdict: run.Passed, Points: 3, MaxPoints: 3}
	if strings.Contains(string(files["adder.go"]), "wrong") {
		r.Verdict, r.Points = run.Failed, 1
	}
	return r, nil
}

func TestWork(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		p := newPlace(t, url, 2)
		right, wrong := p.hand(0, "right"), p.hand(1, "wrong")
		reg := prometheus.NewRegistry()
		p.work(queue.Options{Slots: 2, Name: "w", Grade: passes, Metrics: reg})
		p.wait("two verdicts", func() bool { return p.graded() == 2 })
		for id, want := range map[int64]run.Verdict{right: run.Passed, wrong: run.Failed} {
			sub, err := p.store.Submission(t.Context(), id)
			if err != nil || sub.Graded.Result.Verdict != want || !strings.HasPrefix(sub.Graded.Worker, "w/") {
				t.Errorf("submission %d has %+v, %v, want %s", id, sub.Graded, err, want)
			}
		}
		late := p.hand(0, "later")
		p.wait("a third verdict", func() bool { return p.graded() == 3 })
		r, err := p.store.Regrade(t.Context(), []int64{right, wrong, late}, "again", p.queue.Enqueue)
		if err != nil {
			t.Fatal(err)
		}
		p.wait("a regrade", func() bool {
			r, err := p.store.RegradeOf(t.Context(), r.ID)
			return err == nil && r.Done == 3 && len(r.Changes) == 0
		})
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		for _, f := range families {
			fmt.Fprintln(&said, f.GetName(), f.GetMetric())
		}
		for _, want := range []string{"labs_submissions_waiting", "labs_grading_seconds", `value:"failed"`} {
			if !strings.Contains(said.String(), want) {
				t.Errorf("there is no %s among\n%s", want, said.String())
			}
		}
	})
}

// TestWork_order wants first submissions before repeated ones, and those of somebody with many last.
func TestWork_order(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		p := newPlace(t, url, 3)
		names := map[int64]string{}
		for i := range 8 {
			text := fmt.Sprintf("a%d", i)
			names[p.hand(0, text)] = text
		}
		p.hand(1, "b0")
		p.hand(1, "b1")
		p.hand(2, "c0")
		var mu sync.Mutex
		var order []string
		var noted grade = func(ctx context.Context, lab string, files map[string][]byte) (run.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, string(files["adder.go"]))
			return passes(ctx, lab, files)
		}
		p.work(queue.Options{Slots: 1, Grade: noted})
		p.wait("11 verdicts", func() bool { return p.graded() == 11 })
		want := "a0 b0 c0 a1 a2 b1 a3 a4 a5 a6 a7"
		if got := strings.Join(order, " "); got != want {
			t.Errorf("the order is %s, want %s", got, want)
		}
	})
}

func TestWork_brokenGrader(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		p := newPlace(t, url, 2)
		never, once := p.hand(0, "never"), p.hand(1, "once")
		var tries, calls atomic.Int32
		var breaks grade = func(ctx context.Context, lab string, files map[string][]byte) (run.Result, error) {
			switch string(files["adder.go"]) {
			case "never":
				tries.Add(1)
				return run.Result{}, errors.New("the disk is full")
			case "once":
				if calls.Add(1) == 1 {
					return run.Result{}, errors.New("the engine was late")
				}
			}
			return passes(ctx, lab, files)
		}
		p.work(queue.Options{Slots: 2, Grade: breaks})
		p.wait("two verdicts", func() bool { return p.graded() == 2 })
		sub, err := p.store.Submission(t.Context(), never)
		if err != nil || sub.Graded.Result.Verdict != run.InfraError || !strings.Contains(sub.Graded.Result.Message, "the disk is full") {
			t.Errorf("got %+v, %v", sub.Graded, err)
		}
		if _, ok := sub.Points(room.Setting{}); ok || tries.Load() != queue.Attempts {
			t.Errorf("it counts points, or was tried %d times", tries.Load())
		}
		if sub, _ := p.store.Submission(t.Context(), once); sub.Graded.Result.Verdict != run.Passed {
			t.Errorf("what broke once has %s", sub.Graded.Result.Verdict)
		}
	})
}

// TestWork_drains stops a worker: what ends in time has its verdict, the other is graded by the next worker.
func TestWork_drains(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		p := newPlace(t, url, 2)
		p.hand(0, "quick")
		p.hand(1, "endless")
		begun, quick := make(chan string, 2), make(chan bool)
		stop := p.work(queue.Options{Slots: 2, Drain: time.Second, Grade: func(ctx context.Context, lab string,
			files map[string][]byte) (run.Result, error) {
			begun <- "one"
			if string(files["adder.go"]) == "quick" {
				<-quick
				return passes(ctx, lab, files)
			}
			<-ctx.Done()
			return run.Result{}, ctx.Err()
		}})
		<-begun
		<-begun
		time.AfterFunc(200*time.Millisecond, func() { close(quick) })
		stop()
		if n := p.graded(); n != 1 {
			t.Errorf("%d have a verdict, want the one that ended in time", n)
		}
		if wait, now, _, _, _ := p.store.Queue(t.Context()); wait != 1 || now != 0 {
			t.Errorf("%d wait and %d are being graded, want that one waits again", wait, now)
		}
		p.work(queue.Options{Slots: 1, Grade: passes})
		p.wait("the other verdict", func() bool { return p.graded() == 2 })
	})
}

// TestWork_killed kills a process that grades: another takes over after seconds, and nothing is lost.
func TestWork_killed(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		p := newPlace(t, url, 1)
		p.hand(0, "right")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "QUEUE_TEST_WORKER="+url)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var b [5]byte
		if _, err := out.Read(b[:]); err != nil || string(b[:]) != "begun" {
			t.Fatalf("the worker said %q, %v", b, err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		p.work(queue.Options{Slots: 1, Beat: 100 * time.Millisecond, Dead: time.Second, Grade: passes})
		p.wait("a verdict", func() bool { return p.graded() == 1 })
	})
}

// TestWork_many has two workers share many submissions: none is lost, none graded twice. LABS_TEST_ALL makes it 5,000.
func TestWork_many(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		n := 300
		if os.Getenv("LABS_TEST_ALL") != "" {
			n = 5000
		}
		p := newPlace(t, url, 10)
		for i := range n {
			p.hand(i%10, fmt.Sprint(i))
		}
		var calls atomic.Int32
		grade := func(ctx context.Context, lab string, files map[string][]byte) (run.Result, error) {
			calls.Add(1)
			return passes(ctx, lab, files)
		}
		begun := time.Now()
		for range 2 {
			p.work(queue.Options{Slots: 50, Dead: time.Minute, Grade: grade}) // a busy machine is not dead
		}
		p.wait(fmt.Sprintf("%d verdicts", n), func() bool {
			wait, now, _, _, err := p.store.Queue(t.Context())
			return err == nil && wait+now == 0
		})
		t.Logf("%d submissions: %.0f a second", n, float64(n)/time.Since(begun).Seconds())
		if got := p.graded(); got != n || int(calls.Load()) != n {
			t.Errorf("%d verdicts of %d calls, want %d each", got, calls.Load(), n)
		}
	})
}

func TestQueue_UI(t *testing.T) {
	p := newPlace(t, roomtest.SQLite(t), 1)
	p.hand(0, "right")
	h, err := p.queue.UI(t.Context(), "/river")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	for path, want := range map[string]int{"/river/": http.StatusOK, "/river/api/jobs?limit=5&state=available": http.StatusOK} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s is answered with %s", path, resp.Status)
		}
	}
}

// TestWork_together: two workers of one database grade nearly twice as much as one, with a grader that only waits.
func TestWork_together(t *testing.T) {
	if os.Getenv("LABS_TEST_ALL") == "" {
		t.Skip("it measures: LABS_TEST_ALL=1")
	}
	url := roomtest.Postgres(t)
	p := newPlace(t, url, 10)
	const n = 160
	var waits grade = func(ctx context.Context, lab string, files map[string][]byte) (run.Result, error) {
		time.Sleep(250 * time.Millisecond)
		return passes(ctx, lab, files)
	}
	took := func(round, workers int) time.Duration {
		for i := range n {
			p.hand(i%10, fmt.Sprintf("%d of round %d", i, round))
		}
		begun := time.Now()
		var stops []func()
		for range workers {
			stops = append(stops, p.work(queue.Options{Slots: 4, Grade: waits}))
		}
		p.wait("an empty queue", func() bool {
			wait, now, _, _, err := p.store.Queue(t.Context())
			return err == nil && wait+now == 0
		})
		d := time.Since(begun)
		for _, stop := range stops {
			stop()
		}
		return d
	}
	one, two := took(1, 1), took(2, 2)
	times := float64(one) / float64(two)
	t.Logf("%d submissions of 250 ms, four at once: one worker %v, two workers %v, %.2f times", n, one, two, times)
	if times < 1.8 {
		t.Error("two workers are less than 1.8 times as fast as one")
	}
}
