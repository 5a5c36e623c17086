package web

import (
	"fmt"
	"testing"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// TestFind: which people a look lists, and which looks lie before and behind it.
func TestFind(t *testing.T) {
	t.Parallel()
	s := &snapshot{}
	for i := range 450 {
		p := room.Participant{ID: int64(i + 1), Name: fmt.Sprintf("Learner %03d", i+1)}
		if i < 210 {
			p.Group = "Evening"
		}
		s.people = append(s.people, p)
	}
	for _, tt := range []struct {
		who           string
		page          int
		first, last   int
		of            int
		before, after string
	}{
		{"", 1, 1, 200, 450, "", "?page=2"},
		{"", 2, 201, 400, 450, "?", "?page=3"},
		{"", 3, 401, 450, 450, "?page=2", ""},
		{"", 99, 401, 450, 450, "?page=2", ""},
		{"evening", 1, 1, 200, 210, "", "?page=2&who=evening"},
		{"evening", 2, 201, 210, 210, "?who=evening", ""},
		{"learner 44", 1, 1, 10, 10, "", ""},
		{"nobody", 5, 0, 0, 0, "", ""},
	} {
		people, f := s.find(look{tt.who, tt.page})
		if f.First != tt.first || f.Last != tt.last || f.Of != tt.of || f.Before != tt.before || f.After != tt.after {
			t.Errorf("%q, page %d: %+v", tt.who, tt.page, f)
		}
		if len(people) != max(0, tt.last-tt.first+1) && tt.of > 0 || !f.Many() {
			t.Errorf("%q, page %d: %d people, %v", tt.who, tt.page, len(people), f.Many())
		}
	}
	if _, f := (&snapshot{people: s.people[:30]}).find(look{Page: 1}); f.Many() {
		t.Error("thirty people are given a choice")
	}
}
