package prove

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
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
		m := NewMeter(&out, 0)
		defer m.Close()
		m.Set(Progress{Labs: 20, What: "vetting B10"})
		time.Sleep(29 * time.Second)
		if got := out.String(); got != "" {
			t.Errorf("after 29 s: got %q, want nothing", got)
		}
		m.Set(Progress{Labs: 20, What: "the mutants of B10", Checks: 18, Compiling: true})
		time.Sleep(2 * time.Second)
		m.Set(Progress{Labs: 20, LabsDone: 6, What: "the references of B10", Checks: 18,
			ChecksDone: 1})
		time.Sleep(30 * time.Second)
		m.Set(Progress{Labs: 20, LabsDone: 20})
		time.Sleep(time.Minute)
		const want = "· 30s: 0 of 20 labs proved; the mutants of B10: compiling\n· 1m0s: 6 of " +
			"20 labs proved; the references of B10: 1 of 18 checks\n"
		if got := out.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestMeter_says(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		columns int
		want    string
	}{{0, "A08 does not hold\n"}, {80, "\r\x1b[KA08 does not hold\n"}} {
		var out page
		m := NewMeter(&out, tt.columns)
		m.Say("A08 does not hold")
		m.Close()
		if got := out.String(); got != tt.want {
			t.Errorf("%d columns: got %q, want %q", tt.columns, got, tt.want)
		}
	}
}

func TestMeter_terminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out page
		m := NewMeter(&out, 40)
		m.Set(Progress{Labs: 2, LabsDone: 1, What: "the references of B10", Checks: 18,
			ChecksDone: 7})
		time.Sleep(1900 * time.Millisecond)
		if got := out.String(); got != "" {
			t.Errorf("after 1.9 s: got %q, want nothing", got)
		}
		time.Sleep(200 * time.Millisecond)
		if got, want := out.String(),
			"\r\x1b[K· 2s: 1 of 2 labs proved; the referenc…"; got != want {
			t.Errorf("after 2.1 s: got %q, want %q, which are 39 columns", got, want)
		}
		m.Close()
		if got := out.String(); !strings.HasSuffix(got, "…\r\x1b[K") {
			t.Errorf("at the end: got %q, want the line cleared", got)
		}
	})
}

// Who waits for less than two seconds sees nothing on a terminal, not even that it is cleared.
func TestMeter_brief(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out page
		m := NewMeter(&out, 80)
		m.Set(Progress{Labs: 1, What: "vetting B10"})
		time.Sleep(time.Second)
		m.Close()
		if got := out.String(); got != "" {
			t.Errorf("got %q, want nothing", got)
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	var labs []*course.Lab
	for i, want := range []string{"", "B1", "B1 B2", "B1 B2 B3", "B1 to B4", "B1 to B5"} {
		if got := names(labs); got != want {
			t.Errorf("%d labs: got %q, want %q", i, got, want)
		}
		labs = append(labs, &course.Lab{ID: fmt.Sprintf("B%d", i+1)})
	}
}
