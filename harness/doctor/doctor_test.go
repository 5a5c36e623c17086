package doctor

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	goOK := Line{Part: "go", OK: true, Needed: true, found: "go1.26.8"}
	race := Line{Part: "race detector", OK: true, found: "race detector", lacks: "race detector"}
	noRace := Line{Part: "race detector", lacks: "race detector"}
	redis := Line{Part: "redis local", OK: true, found: "local Redis"}
	noRedis := Line{Part: "redis container", lacks: "Redis"}
	for _, tt := range []struct {
		name  string
		lines []Line
		want  string
		ready bool
	}{
		{"all", []Line{goOK, race, redis}, "ready: go1.26.8, race detector, local Redis", true},
		{"a provider that is not needed", []Line{goOK, noRedis, redis}, "ready: go1.26.8, local Redis", true},
		{"two of a kind", []Line{goOK, redis, {OK: true, found: "embedded Redis"}}, "ready: go1.26.8, local Redis", true},
		{"no Redis, twice", []Line{goOK, noRedis, noRedis}, "ready: go1.26.8; not to be had: Redis", true},
		{"no race detector", []Line{goOK, noRace}, "ready: go1.26.8; not to be had: race detector", true},
		{"no Go", []Line{{Part: "go", Needed: true}, redis}, "not ready: see go", false},
		{"two things", []Line{{Part: "go", Needed: true}, {Part: "build cache", Needed: true}}, "not ready: see go, build cache", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Verdict(tt.lines); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := Ready(tt.lines); got != tt.ready {
				t.Errorf("got that it is ready: %v", got)
			}
		})
	}
}

func TestSumUp(t *testing.T) {
	t.Parallel()
	held := sandbox.Finding{Probe: "read a file", Holds: true, Detail: "it is not there"}
	open := sandbox.Finding{Probe: "open a socket", Detail: "it succeeded"}
	for _, tt := range []struct {
		name  string
		found []sandbox.Finding
		want  []Line
	}{
		{"it holds", []sandbox.Finding{held}, []Line{
			{Part: "sandbox ns", OK: true, Detail: "holds: 1 of 1 probes from inside were stopped"},
			{Part: "sandbox ns", OK: true, Minor: true, Detail: "cannot read a file (it is not there)"},
		}},
		{"it does not hold", []sandbox.Finding{held, open}, []Line{
			{Part: "sandbox ns", Detail: "does not hold: a process inside can open a socket", Hint: "labs grade refuses to start with it here; labs check does not need it"},
			{Part: "sandbox ns", OK: true, Minor: true, Detail: "cannot read a file (it is not there)"},
			{Part: "sandbox ns", Minor: true, Detail: "CAN open a socket (it succeeded)"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, sumUp("ns", tt.found),
				cmpopts.IgnoreUnexported(Line{})); diff != "" {
				t.Errorf("the lines differ (-want +got):\n%s", diff)
			}
		})
	}
}
