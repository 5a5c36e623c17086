package picture_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/picture"
	"github.com/backend-labs/backend-labs/harness/term"
)

// TestText_arrows draws messages across a lane in both directions: those that arrive, and those that are lost.
func TestText_arrows(t *testing.T) {
	t.Parallel()
	message := func(kind timeline.Kind, id, from, to int) timeline.Step {
		return timeline.Step{Kind: kind, ID: id, Lane: from, Other: to, Text: "hello to you over there"}
	}
	for name, tt := range map[string]struct {
		steps []timeline.Step
		want  string
	}{
		"to the right": {[]timeline.Step{message(timeline.Sent, 1, 0, 2), message(timeline.Came, 1, 2, 0)},
			"      a                            bb   c\n" +
				"  +0s ○ hello to you over there ────────▶\n"},
		"to the left": {[]timeline.Step{message(timeline.Sent, 1, 2, 0), message(timeline.Came, 1, 0, 2)},
			"      a   bb   c\n  +0s ◀────────○ hello to you over there\n"},
		"lost on the way to the right": {
			[]timeline.Step{message(timeline.Sent, 1, 0, 2), message(timeline.Lost, 1, 0, 2)},
			"      a                                     bb   c\n" +
				"  +0s ○ hello to you over there ─✗ lost\n"},
		"lost on the way to the left": {
			[]timeline.Step{message(timeline.Sent, 1, 2, 0), message(timeline.Lost, 1, 2, 0)},
			"      a   bb   c\n" +
				"  +0s          ○ hello to you over there, lost on\n                 the way to a\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := timeline.Picture{Lanes: []string{"a", "bb", "c"}, Virtual: true, Steps: tt.steps}
			got := picture.Text(p, picture.Style{Columns: 56, Paint: term.NewPaint(false)})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s\n%q", diff, got)
			}
		})
	}
}
