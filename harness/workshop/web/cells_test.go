package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// handedIn is a submission with a verdict, or without one.
func handedIn(id int64, v run.Verdict, points int) room.Submission {
	s := room.Submission{ID: id, Participant: 1, Lab: "B10", Begun: true}
	if v != "" {
		s.Graded = &room.Verdict{Result: run.Result{Verdict: v, Points: points}}
	}
	return s
}

// TestSnapshot_shown: what a cell of the matrix says of somebody's work, to the eye and in words.
func TestSnapshot_shown(t *testing.T) {
	t.Parallel()
	says := func(v run.Verdict, points int) *room.Report {
		return &room.Report{Participant: 1, Lab: "B10", Verdict: v, Points: points, MaxPoints: 20}
	}
	late := handedIn(1, run.Passed, 20)
	late.Late = true
	word := handedIn(1, run.Failed, 3)
	word.Override = &room.Override{Points: 11, Reason: "seen\x1b[31m it"}
	for name, tt := range map[string]struct {
		report *room.Report
		subs   []room.Submission
		want   shownCell // without its kind
	}{
		"nothing": {nil, nil, shownCell{}},
		"their own machine alone": {says(run.Failed, 3), nil, shownCell{Sign: "○", Mark: "✗", Points: "3/20",
			Word: "reported", Words: "their own machine says: " + run.Failed.Words() + ", 3/20 points"}},
		"the grader, whatever they say": {says(run.Failed, 3), []room.Submission{handedIn(1, run.Passed, 20)},
			shownCell{Sign: "●", Mark: "✓", Points: "20/20", Word: "graded", Sub: 1,
				Words: "graded: " + run.Passed.Words() + ", 20/20 points"}},
		"their own machine, which has come further": {says(run.Passed, 20),
			[]room.Submission{handedIn(1, run.Failed, 3)}, shownCell{Sign: "○", Mark: "✓", Points: "20/20",
				Word: "reported", Words: "their own machine says: " + run.Passed.Words() + ", 20/20 points"}},
		"the best of three": {nil, []room.Submission{handedIn(1, run.Failed, 3), handedIn(2, run.Failed, 7),
			handedIn(3, run.Failed, 5)}, shownCell{Sign: "●", Mark: "✗", Points: "7/20", Word: "graded", Sub: 2,
			Words: "graded: " + run.Failed.Words() + ", 7/20 points"}},
		"the first of two that are as good": {nil, []room.Submission{handedIn(1, run.Failed, 3),
			handedIn(2, run.Failed, 3)}, shownCell{Sign: "●", Mark: "✗", Points: "3/20", Word: "graded", Sub: 1,
			Words: "graded: " + run.Failed.Words() + ", 3/20 points"}},
		"the grader, where neither passes it": {says(run.Failed, 9), []room.Submission{handedIn(1, run.Failed, 3)},
			shownCell{Sign: "●", Mark: "✗", Points: "3/20", Word: "graded", Sub: 1,
				Words: "graded: " + run.Failed.Words() + ", 3/20 points"}},
		"late": {nil, []room.Submission{late}, shownCell{Sign: "●", Mark: "✓", Points: "10/20",
			Word: "graded, late", Sub: 1, Words: "graded: " + run.Passed.Words() + ", 10/20 points, late"}},
		"an instructor's word": {nil, []room.Submission{word}, shownCell{Sign: "●", Mark: "✗", Points: "11/20",
			Word: "overridden", Sub: 1, Words: "graded: " + run.Failed.Words() +
				", 11/20 points, by the instructor's word: seen it"}},
		"no number": {nil, []room.Submission{handedIn(1, run.InfraError, 0)}, shownCell{Sign: "●", Mark: "?",
			Word: "graded", Sub: 1, Words: "graded: " + run.InfraError.Words()}},
		"one that waits": {nil, []room.Submission{handedIn(1, "", 0)}, shownCell{Sub: 1, Wait: "in the queue",
			Words: "a submission is in the queue"}},
		"another one that waits": {nil, []room.Submission{handedIn(1, run.Failed, 3), handedIn(2, "", 0)},
			shownCell{Sign: "●", Mark: "✗", Points: "3/20", Word: "graded", Sub: 2, Wait: "in the queue",
				Words: "graded: " + run.Failed.Words() + ", 3/20 points; a submission is in the queue"}},
	} {
		s, l := stuckRoom(t, room.Report{})
		s.names, s.mine, s.places = map[int64]string{}, map[int64][]*room.Submission{}, map[int64]int{}
		s.settings = map[string]room.Setting{"B10": {Lab: "B10", LateCost: 50}}
		s.handedIn(tt.subs)
		if tt.report != nil {
			s.reports = map[place]*room.Report{{1, l.ID}: tt.report}
		}
		s.arrange()
		got := s.shown(1, l.ID)
		for _, text := range []*string{&got.Points, &got.Words} { // however many points the lab has
			*text = strings.ReplaceAll(*text, "/"+number(new(float64(l.MaxPoints()))), "/20")
		}
		if got.Kind = tt.want.Kind; got != tt.want {
			t.Errorf("%s: got  %+v\nwant %+v", name, got, tt.want)
		}
	}
}

// TestCell_latest: of the grader and somebody's own machine, the one that spoke last is heard.
func TestCell_latest(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	report := &room.Report{Verdict: run.Failed, Failing: []string{"TestA"}, Mutant: "m.patch", At: at}
	graded := func(after time.Duration) *room.Submission {
		s := handedIn(1, run.TimedOut, 0)
		s.Graded.Done, s.Graded.Failing = at.Add(after), []string{"TestB"}
		return &s
	}
	for name, tt := range map[string]struct {
		cell   *cell
		want   run.Verdict
		test   string
		mutant string
	}{
		"nothing":                  {nil, "", "", ""},
		"a report alone":           {&cell{report: report}, run.Failed, "TestA", "m.patch"},
		"a verdict alone":          {&cell{graded: graded(0)}, run.TimedOut, "TestB", ""},
		"a report after a verdict": {&cell{report: report, graded: graded(-1)}, run.Failed, "TestA", "m.patch"},
		"both at the same time":    {&cell{report: report, graded: graded(0)}, run.Failed, "TestA", "m.patch"},
		"a verdict after a report": {&cell{report: report, graded: graded(1)}, run.TimedOut, "TestB", ""},
	} {
		v, failing, mutant, _ := tt.cell.latest()
		if v != tt.want || strings.Join(failing, " ") != tt.test || mutant != tt.mutant {
			t.Errorf("%s: got %s, %v, %q, want %s, %s, %q", name, v, failing, mutant, tt.want, tt.test, tt.mutant)
		}
	}
}

// TestMeant: which submissions a regrade is about.
func TestMeant(t *testing.T) {
	t.Parallel()
	sub := func(id, who int64, lab string, v run.Verdict) room.Submission {
		s := handedIn(id, v, 1)
		s.Participant, s.Lab = who, lab
		return s
	}
	subs := []room.Submission{sub(1, 1, "B10", run.Failed), sub(2, 2, "B10", run.Passed),
		sub(3, 1, "B10", run.InfraError), sub(4, 1, "I04", run.Failed), sub(5, 2, "B10", "")}
	for name, tt := range map[string]struct {
		asked wire.Regrade
		want  []int64
	}{
		"the latest of each that are graded":   {wire.Regrade{}, []int64{2, 3, 4}},
		"all that are graded":                  {wire.Regrade{All: true}, []int64{1, 2, 3, 4}},
		"one, also where it is not the latest": {wire.Regrade{Submission: 1}, []int64{1}},
		"one that is not graded":               {wire.Regrade{Submission: 5}, nil},
		"one that there is not":                {wire.Regrade{Submission: 9, All: true}, nil},
	} {
		if got := meant(subs, tt.asked); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// TestSayChange has the words of the audit log, and the bounds of what a lab can be set to.
func TestSayChange(t *testing.T) {
	t.Parallel()
	_, l := stuckRoom(t)
	yes, no, when := true, false, time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	n := func(n int) *int { return &n }
	for name, tt := range map[string]struct {
		change            wire.LabChange
		did, detail, fail string
	}{
		"nothing": {wire.LabChange{}, "", "",
			"nothing is to be changed: open, deadline, late_cost, per_hour, hints or answer"},
		"opened": {wire.LabChange{Open: &yes}, "opened", "", ""},
		"closed, with its answer": {wire.LabChange{Open: &no, Answer: &yes}, "closed and released",
			"the model answer", ""},
		"the answer back":  {wire.LabChange{Answer: &no}, "took back", "the model answer", ""},
		"a deadline":       {wire.LabChange{Deadline: &when}, "changed", "deadline 2026-01-02T02:04:05Z", ""},
		"no deadline more": {wire.LabChange{Deadline: new(time.Time)}, "changed", "deadline never", ""},
		"both bounds": {wire.LabChange{LateCost: n(100), PerHour: n(0)}, "changed",
			"late cost in percent 100, submissions per hour 0", ""},
		"too dear":      {wire.LabChange{LateCost: n(101)}, "", "", "late cost in percent: 101 is not between 0 and 100"},
		"less than no":  {wire.LabChange{PerHour: n(-1)}, "", "", "submissions per hour: -1 is not between 0 and 1000"},
		"far too often": {wire.LabChange{PerHour: n(1001)}, "", "", "submissions per hour: 1001 is not between 0 and 1000"},
	} {
		did, detail, err := sayChange(l, tt.change)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if did != tt.did || detail != tt.detail || said != tt.fail {
			t.Errorf("%s: got %q, %q, %q, want %q, %q, %q", name, did, detail, said, tt.did, tt.detail, tt.fail)
		}
	}
	if _, _, err := sayChange(l, wire.LabChange{Hints: n(len(l.Hints) + 1)}); err == nil {
		t.Error("more hints are released than there are")
	}
}

// TestFailureOf_limit: the moment that is told, in words and in numbers, is not before the next one is taken.
func TestFailureOf_limit(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]struct {
		words string
		after float64
	}{
		time.Nanosecond:                     {"1s", 0.1},
		400 * time.Millisecond:              {"1s", 0.4},
		30 * time.Minute:                    {"30m0s", 1800},
		30*time.Minute + time.Millisecond:   {"30m1s", 1800.1},
		90*time.Second + 50*time.Nanosecond: {"1m31s", 90.1},
	} {
		f := failureOf(&room.Limit{Again: wait})
		if f.status != http.StatusTooManyRequests || f.said.Hint != "the next one is taken in "+want.words ||
			f.said.RetryAfter != want.after {
			t.Errorf("%v: got %+v, want %+v", wait, f, want)
		}
	}
	if f := failureOf(errors.New("dial tcp: postgres://ada:hidden@db")); f.status != 500 || f.said.RetryAfter == 0 ||
		strings.Contains(f.said.Text+f.said.Hint, "hidden") {
		t.Errorf("got %+v, want nothing of what has gone wrong here", f)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]int{"": 0, "1": 0, "0": 426, "2": 426, "-1": 426, "one": 400} {
		r := httptest.NewRequest("GET", "/", nil)
		if said != "" {
			r.Header.Set(wire.Header, said)
		}
		if f := version(r); (f == nil) != (want == 0) || f != nil && (f.status != want || f.said.Text == "") {
			t.Errorf("%q: got %+v, want %d", said, f, want)
		}
	}
}

// TestTimeLineOf sorts what has happened into bins: the last moment is in the last one.
func TestTimeLineOf(t *testing.T) {
	t.Parallel()
	s, l := stuckRoom(t)
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	event := func(lab string, after time.Duration, v run.Verdict) room.Event {
		return room.Event{At: at.Add(after), Lab: lab, Verdict: v}
	}
	line := timeLineOf(s.labs, []room.Event{event("B10", 80*time.Minute, run.Passed), event("B10", 0, run.Failed),
		event("Z99", 90*time.Minute, run.Failed), event("B10", 10*time.Minute, run.Passed),
		event("B10", 10*time.Minute, run.Failed), event("Z99", -10*time.Minute, run.Passed)})
	if len(line.lanes) != 1 || line.most != 2 {
		t.Fatalf("got %+v, want a lane for %s alone", line, l.ID)
	}
	lane, bins := line.lanes[0], map[int]int{}
	for bin, n := range lane.runs {
		if n > 0 {
			bins[bin] = n
		}
	}
	if len(bins) != 3 || bins[8] != 1 || bins[16] != 2 || bins[72] != 1 || lane.passes[16] != 1 {
		t.Errorf("got %v, want 1 at 8, 2 at 16 and 1 at 72 of 80", bins)
	}
	if said := line.Said(time.UTC); len(said) != 1 ||
		said[0] != "B10: 4 check runs and verdicts, 2 of them passed, the first at 03:10." {
		t.Errorf("got %q", said)
	}
	if svg := string(line.SVG(time.UTC)); !strings.Contains(svg, ">02:50<") || !strings.Contains(svg, ">04:30<") {
		t.Errorf("got %s, want the times of its ends", svg)
	}
	days := timeLineOf(s.labs, []room.Event{event("B10", 0, run.Failed), event("B10", 21*time.Hour, run.Failed)})
	if svg := string(days.SVG(time.UTC)); !strings.Contains(svg, ">2 Jan 03:00<") || !strings.Contains(svg,
		">3 Jan 00:00<") || days.lanes[0].runs[lineBins-1] != 1 {
		t.Errorf("got %s, want days besides, and the last one in the last bin", svg)
	}
	if none := timeLineOf(s.labs, nil); none.SVG(time.UTC) != "" || none.Said(time.UTC) != nil {
		t.Errorf("got %+v of nothing", none)
	}
}

func TestQueue_empty(t *testing.T) {
	t.Parallel()
	for q, want := range map[queue]time.Duration{
		{waiting: 6, grading: 2, lately: 4}: 2 * time.Minute,
		{waiting: 1, lately: 60}:            time.Second,
		{waiting: 6, grading: 2}:            0,
		{grading: 2, lately: 4}:             0,
	} {
		if got := q.empty(); got != want {
			t.Errorf("%+v: got %v, want %v", q, got, want)
		}
	}
}

// TestMarkdown: a course's text brings no markup of its own and no link that runs something.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# Title\n\nIt *waits*.":              "<p>It <em>waits</em>.</p>\n",
		"# Title":                             "<h1>Title</h1>\n",
		"## Part\nIt.":                        "<h2>Part</h2>\n<p>It.</p>\n",
		"a<script>alert(1)</script>b":         "<p>a<!-- raw HTML omitted -->alert(1)<!-- raw HTML omitted -->b</p>\n",
		"[x](javascript:alert(1))":            "<p><a href=\"\">x</a></p>\n",
		"[x](https://example.org/?a=1&b=\"c)": "<p><a href=\"https://example.org/?a=1&amp;b=%22c\">x</a></p>\n",
	} {
		if got := string(markdown(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
