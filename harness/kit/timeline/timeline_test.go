package timeline_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

func TestTimeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tl := timeline.New("alice", "shelf")
		tl.Holds("shelf", "%d lamp", 1)
		buy := tl.Begin("alice", "buy")
		ask := tl.Send("alice", "shop", "is there one?")
		time.Sleep(2 * time.Millisecond)
		ask.Came()
		tl.Send("shop", "alice", "yes").Lost()
		time.Sleep(time.Second)
		buy.End("gave up").Breaks()
		ms := time.Millisecond
		want := timeline.Picture{Lanes: []string{"alice", "shelf", "shop"}, Virtual: true,
			Steps: []timeline.Step{
				{Kind: timeline.Value, Lane: 1, Text: "1 lamp"},
				{Kind: timeline.Start, Lane: 0, ID: 1, Text: "buy"},
				{Kind: timeline.Sent, Lane: 0, Other: 2, ID: 2, Text: "is there one?"},
				{Kind: timeline.Came, At: 2 * ms, Lane: 2, Other: 0, ID: 2, Text: "is there one?"},
				{Kind: timeline.Sent, At: 2 * ms, Lane: 2, Other: 0, ID: 3, Text: "yes"},
				{Kind: timeline.Lost, At: 2 * ms, Lane: 2, Other: 0, ID: 3, Text: "yes"},
				{Kind: timeline.End, At: 1002 * ms, Lane: 0, ID: 1, Text: "gave up", Breaks: true},
			}}
		if diff := cmp.Diff(want, tl.Picture()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		got, err := timeline.Decode(tl.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("encoded and decoded (-want +got):\n%s", diff)
		}
		const lines = `  +0s shelf: = 1 lamp
  +0s alice: buy
  +0s alice: is there one?, to shop
  +2ms shop: is there one?, from alice
  +2ms shop: yes, to alice
  +2ms shop: yes, to alice, lost
✗ +1.002s alice: done: gave up
`
		if diff := cmp.Diff(lines, tl.String()); diff != "" {
			t.Errorf("as text (-want +got):\n%s", diff)
		}
	})
}

// TestTimeline_Clear forgets what only prepares; what began before may end after it.
func TestTimeline_Clear(t *testing.T) {
	t.Parallel()
	tl := timeline.New("a")
	old := tl.Begin("a", "warm up")
	tl.Clear()
	old.Breaks() // of what is forgotten
	old.End("warm")
	tl.Point("a", "broken").Breaks()
	p := tl.Picture()
	if len(p.Steps) != 2 || p.Steps[0].Text != "warm" || p.Steps[0].Breaks || !p.Steps[1].Breaks {
		t.Errorf("got %+v, want the end and the point, which is marked", p.Steps)
	}
}

// TestTimeline_nil records on no timeline.
func TestTimeline_nil(t *testing.T) {
	t.Parallel()
	var tl *timeline.Timeline
	tl.Clear()
	tl.Begin("a", "b").End("c").Breaks()
	tl.Send("a", "b", "c").Came().Breaks()
	tl.Send("a", "b", "c").Lost()
	tl.Holds("a", "b").Breaks()
	tl.Point("a", "b").Breaks()
}

// TestTimeline_concurrently records from many goroutines: nothing is lost, the times go up, and
// however much there is, a report can carry it.
func TestTimeline_concurrently(t *testing.T) {
	t.Parallel()
	tl := timeline.New()
	var all sync.WaitGroup
	for g := range 20 {
		all.Go(func() {
			for i := range 50 {
				call := tl.Begin(fmt.Sprint("client ", g), "call %d %s", i, strings.Repeat("é", 300))
				end := call.End("")
				if g == 7 && i == 25 {
					end.Breaks()
				}
			}
		})
	}
	all.Wait()
	p := tl.Picture()
	if len(p.Steps) != 2000 || len(p.Lanes) != 20 {
		t.Errorf("got %d steps on %d lanes, want 2000 on 20", len(p.Steps), len(p.Lanes))
	}
	small, err := timeline.Decode(tl.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if small.Marked() < 0 || small.Before+len(small.Steps)+small.After != 2000 {
		t.Errorf("got %d steps, %d before, %d after, the marked one at %d, want it among 2000",
			len(small.Steps), small.Before, small.After, small.Marked())
	}
}

func TestPicture_Around(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ steps, marked, n, before, after int }{
		{10, -1, 20, 0, 0},
		{10, -1, 10, 0, 0},
		{10, -1, 4, 6, 0},
		{10, 0, 4, 0, 6},
		{10, 9, 4, 6, 0},
		{100, 50, 8, 44, 48},
		{100, 50, 1, 50, 49},
	} {
		p := timeline.Picture{}
		for i := range tt.steps {
			p.Steps = append(p.Steps, timeline.Step{Breaks: i == tt.marked})
		}
		got := p.Around(tt.n)
		if got.Before != tt.before || got.After != tt.after || (got.Marked() < 0) != (tt.marked < 0) ||
			got.Before+len(got.Steps)+got.After != tt.steps {
			t.Errorf("%+v: got %d before, %d here, %d after, marked %d", tt, got.Before,
				len(got.Steps), got.After, got.Marked())
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 201)
	point := timeline.Step{Kind: timeline.Point}
	one := func(s timeline.Step) timeline.Picture {
		return timeline.Picture{Lanes: []string{"a", "b"}, Steps: []timeline.Step{s}}
	}
	many := one(point)
	for range 500 {
		many.Steps = append(many.Steps, point)
	}
	for want, p := range map[string]any{
		"":                                    one(point),
		"a picture: 0 steps: from 1 to 500":   timeline.Picture{},
		"a picture: 501 steps: from 1 to 500": many,
		"a picture: 33 lanes: at most 32": timeline.Picture{Lanes: make([]string, 33),
			Steps: []timeline.Step{point}},
		"a picture: a lane's name of over 200 bytes": timeline.Picture{Lanes: []string{long},
			Steps: []timeline.Step{point}},
		"a picture: less than no steps left out": timeline.Picture{Lanes: []string{"a"}, Before: -1,
			Steps: []timeline.Step{point}},
		`a picture: step 1: an unknown kind "party"`:                                      one(timeline.Step{Kind: "party"}),
		"a picture: step 1: on a lane that is not there":                                  one(timeline.Step{Kind: timeline.Point, Lane: 2}),
		"a picture: step 1: before the one before it":                                     one(timeline.Step{Kind: timeline.Point, At: -1}),
		"a picture: step 1: a text of over 200 bytes":                                     one(timeline.Step{Kind: timeline.Point, Text: long}),
		"a picture of 70002 bytes: at most 65536":                                         strings.Repeat("x", 70000),
		"a picture: json: cannot unmarshal string into Go value of type timeline.Picture": "nothing",
	} {
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		switch _, err := timeline.Decode(data); {
		case err == nil && want != "":
			t.Errorf("got no error, want %q", want)
		case err != nil && err.Error() != want:
			t.Errorf("got %q, want %q", err, want)
		}
	}
	if _, err := timeline.Decode(nil); err == nil {
		t.Error("got a picture of no bytes")
	}
	if _, err := timeline.Decode([]byte(`{"lanes":["a"],"steps":[{"kind":"point","lane":0,"other":-1}]}`)); err == nil {
		t.Error("got a message to lane -1")
	}
}
