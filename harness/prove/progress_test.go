package prove

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// page is what a meter writes to.
type page struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *page) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(data)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func TestMeter_pipe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out page
		m := NewMeter(&out, false)
		defer m.Close()
		m.Set(Progress{Labs: 20, What: "vetting B10"})
		time.Sleep(29 * time.Second)
		if got := out.String(); got != "" {
			t.Errorf("after 29 s: got %q, want nothing", got)
		}
		time.Sleep(2 * time.Second)
		m.Set(Progress{Labs: 20, LabsDone: 6, What: "the references of B10", Checks: 18, ChecksDone: 1})
		time.Sleep(30 * time.Second)
		m.Set(Progress{Labs: 20, LabsDone: 20})
		time.Sleep(time.Minute)
		const want = "· 30s: 0 of 20 labs proved; vetting B10\n· 1m0s: 6 of 20 labs proved; the references of B10: 1 of 18 checks\n"
		if got := out.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestMeter_terminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out page
		m := NewMeter(&out, true)
		m.Set(Progress{Labs: 2, LabsDone: 1, What: "the references of B10", Checks: 18, ChecksDone: 7})
		time.Sleep(1900 * time.Millisecond)
		if got := out.String(); got != "" {
			t.Errorf("after 1.9 s: got %q, want nothing", got)
		}
		time.Sleep(200 * time.Millisecond)
		for _, want := range []string{"the references of B10: 7 of 18 checks", "(1/2)"} {
			if got := out.String(); !strings.Contains(got, want) {
				t.Errorf("after 2.1 s: got %q, want %q in it", got, want)
			}
		}
		m.Close()
		if got := out.String(); !strings.HasSuffix(got, "\r") {
			t.Errorf("at the end: got %q, want the line cleared", got)
		}
	})
}
