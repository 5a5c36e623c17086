package bubble

import (
	"testing"
	"testing/synctest"
	"time"

	fixture "github.com/backend-labs/backend-labs/harness/kit/bubble/testdata/labs/b00-fixture"
)

// TestGoesOn is not parallel: it counts all goroutines that begin meanwhile.
func TestGoesOn(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func()
		want bool
	}{
		{"nothing", func() {}, false},
		{"a timer that goes off once", func() { time.AfterFunc(time.Hour, func() {}) }, false},
		{"many timers that go off once", func() {
			for i := range 20_000 {
				time.AfterFunc(time.Minute+time.Duration(i)*3*time.Millisecond, func() {})
			}
		}, false},
		{"a chain of microseconds", func() { fixture.Chain(time.Microsecond) }, true},
		{"a chain of milliseconds", func() { fixture.Chain(7 * time.Millisecond) }, true},
		{"a chain of hours", func() { fixture.Chain(3 * time.Hour) }, true},
		{"several chains", func() { fixture.Chain(time.Minute); fixture.Chain(time.Second) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// What goes on keeps no bubble from ending.
			synctest.Test(t, func(*testing.T) {
				tt.f()
				if got := goesOn(); got != tt.want {
					t.Errorf("got %v", got)
				}
			})
		})
	}
}
