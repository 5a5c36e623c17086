package rehearse_test

import (
	"context"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/queue"
	"github.com/backend-labs/backend-labs/harness/workshop/rehearse"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/room/roomtest"
	"github.com/backend-labs/backend-labs/harness/workshop/web"
)

func TestMain(m *testing.M) { os.Exit(roomtest.Main(m)) }

// TestRun fills a room on each database: everybody is there in the end, nothing is lost, and what was handed in has one
// verdict. LABS_TEST_ALL makes it 300 learners, and looks at the time of calls.
func TestRun(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		learners, within := 20, time.Second
		if os.Getenv("LABS_TEST_ALL") != "" {
			learners, within = 300, 20*time.Second
		}
		example, err := coursetest.Example()
		if err != nil {
			t.Fatal(err)
		}
		c := coursetest.New(t, example)
		l := c.Labs[0]
		s, err := room.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Create(t.Context(), room.Room{Title: "R", Code: "CODE", Labs: []string{l.ID}}); err != nil {
			t.Fatal(err)
		}
		q, err := queue.New(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(web.New(web.Options{Store: s, Course: c, Enqueue: q.Enqueue}))
		defer server.Close()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- queue.Work(ctx, s, queue.Options{Slots: 2, Grade: func(_ context.Context, lab string, _ map[string][]byte) (run.Result, error) {
				return run.Result{Schema: run.Schema, Lab: lab, Verdict: run.Passed, Points: 3, MaxPoints: 3}, nil
			}})
		}()
		numbers, err := rehearse.Run(t.Context(), rehearse.Options{URL: server.URL, Code: "CODE", Labs: []*course.Lab{l},
			Learners: learners, Seed: 1, For: within, HandIn: true})
		if err != nil || numbers.Failed > 0 || numbers.Reports < learners || numbers.HandedIn == 0 {
			t.Errorf("got %v, %v", numbers, err)
		}
		t.Log(numbers)
		for range 600 {
			if wait, now, _, _, err := s.Queue(t.Context()); err == nil && wait+now == 0 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		all, err := s.Submissions(t.Context(), 0, "")
		if err != nil || len(all) != numbers.HandedIn {
			t.Errorf("%d submissions of %d that were handed in, %v", len(all), numbers.HandedIn, err)
		}
		for _, sub := range all {
			if sub.Graded == nil {
				t.Errorf("submission %d has no verdict", sub.ID)
			}
		}
		people, err := s.Participants(t.Context())
		if err != nil || len(people) != learners {
			t.Errorf("%d people, %v", len(people), err)
		}
	})
}
