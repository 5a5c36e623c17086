package main

import (
	"slices"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/prove"
)

func TestUnproved(t *testing.T) {
	t.Parallel()
	labs := []*course.Lab{{ID: "B01"}, {ID: "B02"}, {ID: "A01"}}
	for _, tt := range []struct {
		proved []prove.Proof
		want   []string
	}{
		{nil, []string{"B01", "B02", "A01"}},
		{[]prove.Proof{{Lab: "B02"}}, []string{"B01", "A01"}},
		{[]prove.Proof{{Lab: "A01"}, {Lab: "B01"}, {Lab: "B02", Holds: true}}, nil},
	} {
		if got := unproved(labs, tt.proved); !slices.Equal(got, tt.want) {
			t.Errorf("of %v: got %v, want %v", tt.proved, got, tt.want)
		}
	}
}
