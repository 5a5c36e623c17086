package timeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// TestFrom goes on where a history ends that was recorded otherwise, and leaves it as it is.
func TestFrom(t *testing.T) {
	t.Parallel()
	known := timeline.Picture{Lanes: []string{"a", "b"}, Virtual: true, Steps: []timeline.Step{
		{Kind: timeline.Start, At: time.Hour, Lane: 1, ID: 7, Text: strings.Repeat("x", 300)},
		{Kind: timeline.Point, At: 2 * time.Hour, Breaks: true},
	}}
	tl := timeline.From(known)
	got := tl.Picture()
	if want := strings.Repeat("x", 197) + "…"; got.Steps[0].Text != want {
		t.Errorf("got the text %q, want %q", got.Steps[0].Text, want)
	}
	got.Steps[0].Text = known.Steps[0].Text
	if diff := cmp.Diff(known, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	tl.Begin("c", "more")
	got = tl.Picture()
	if last := got.Steps[2]; last.ID != 8 || last.Lane != 2 || len(known.Lanes) != 2 {
		t.Errorf("got %+v and then the lanes %q of what was known, want span 8 on a lane of its own",
			last, known.Lanes)
	}
}

// TestTimeline_Picture gives what there is at that moment: it does not change with what follows.
func TestTimeline_Picture(t *testing.T) {
	t.Parallel()
	tl := timeline.New("a")
	point := tl.Point("a", "one")
	before := tl.Picture()
	point.Breaks()
	tl.Point("b", "two")
	if before.Marked() >= 0 || len(before.Steps) != 1 || len(before.Lanes) != 1 {
		t.Errorf("got %+v, want one step that is not marked", before)
	}
}

// TestTimeline_texts records whatever a check may come upon: it is drawn, on one lane for each name.
func TestTimeline_texts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"as long as may be": {strings.Repeat("x", 200), strings.Repeat("x", 200)},
		"too long":          {strings.Repeat("x", 201), strings.Repeat("x", 197) + "…"},
		"cut in a letter":   {strings.Repeat("日", 67), strings.Repeat("日", 65) + "…"},
		"bytes":             {"a\xff\xfe\xfdz", "a\uFFFDz"},
		"many bytes":        {strings.Repeat("\xffz", 100), strings.Repeat("\uFFFDz", 49) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := timeline.New("first", tt.text)
			for range 2 {
				tl.Point(tt.text, "%s", tt.text)
				tl.Send("first", tt.text+"2", "it").Came()
			}
			p, err := timeline.Decode(tl.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if p.Steps[0].Text != tt.want || p.Lanes[p.Steps[0].Lane] != tt.want {
				t.Errorf("got %+v on the lanes %q, want %q on a lane of that name", p.Steps[0], p.Lanes,
					tt.want)
			}
			if len(p.Lanes) > 3 || p.Steps[0].Lane != 1 || p.Steps[3].Lane != 1 {
				t.Errorf("got the lanes %q, want each name once", p.Lanes)
			}
		})
	}
}

// TestTimeline_String lists what is near the marked step.
func TestTimeline_String(t *testing.T) {
	t.Parallel()
	tl := timeline.New("a")
	for i := range 100 {
		if p := tl.Point("a", "step %d.", i); i == 50 {
			p.Breaks()
		}
	}
	text := tl.String()
	if strings.Count(text, "\n") != 30 || strings.Count(text, "✗") != 1 ||
		!strings.Contains(text, "a: step 50.") || strings.Contains(text, "step 99.") {
		t.Errorf("got\n%swant 30 steps, of which the marked one is one", text)
	}
}

func TestPicture_Words(t *testing.T) {
	t.Parallel()
	p := timeline.Picture{Lanes: []string{"a", "b"}}
	for _, tt := range []struct {
		kind       timeline.Kind
		text, want string
	}{
		{timeline.Point, "crash", "crash"},
		{timeline.Start, "buy", "buy"},
		{timeline.End, "bought", "done: bought"},
		{timeline.End, "", "done"},
		{timeline.Value, "1 lamp", "= 1 lamp"},
		{timeline.Sent, "hello", "hello, to b"},
		{timeline.Came, "hello", "hello, from b"},
		{timeline.Lost, "hello", "hello, to b, lost"},
	} {
		if got := p.Words(timeline.Step{Kind: tt.kind, Other: 1, Text: tt.text}); got != tt.want {
			t.Errorf("%s %q: got %q, want %q", tt.kind, tt.text, got, tt.want)
		}
	}
}

// TestDecode_most takes a picture that has as much of everything as one may have.
func TestDecode_most(t *testing.T) {
	t.Parallel()
	most := timeline.Picture{Steps: make([]timeline.Step, 500)}
	for i := range 32 {
		most.Lanes = append(most.Lanes, fmt.Sprintf("%0200d", i))
	}
	for i := range most.Steps {
		most.Steps[i] = timeline.Step{Kind: timeline.Point, Lane: 31, Other: 31}
	}
	most.Steps[499].Text = strings.Repeat("x", 200)
	tl := timeline.From(most)
	got, err := timeline.Decode(tl.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&most, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	most.Lanes = append(most.Lanes, "33")
	if _, err := timeline.Decode(timeline.From(most).Encode()); err == nil {
		t.Error("got a picture of 33 lanes")
	}
}

// TestTimeline_Encode_nothing is about timelines of which no step fits into a report.
func TestTimeline_Encode_nothing(t *testing.T) {
	t.Parallel()
	crowded := timeline.New()
	for i := range 400 {
		crowded.Point(fmt.Sprintf("%0200d", i), "is here")
	}
	for name, tl := range map[string]*timeline.Timeline{"empty": timeline.New("a"), "crowded": crowded} {
		if got := tl.Encode(); got != nil {
			t.Errorf("%s: got %d bytes, want nothing", name, len(got))
		}
	}
}
