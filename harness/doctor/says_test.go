package doctor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// TestHint is what to do where a sandbox cannot be had: what the error says, else what the sandbox
// needs.
func TestHint(t *testing.T) {
	t.Parallel()
	plain := errors.New("no")
	for _, name := range []string{"ns", "container", "landlock"} {
		if got := hint(plain, name); got == "" || got != needs[name] {
			t.Errorf("%s: got %q, want what it needs", name, got)
		}
	}
	if got := hint(plain, "landlock"); !strings.Contains(got, "Linux 6.7 as root, 6.12 as another") {
		t.Errorf("got %q, want the kernels that have enough of Landlock", got)
	}
	known := fmt.Errorf("begin: %w", fault.New("set TMPDIR", "it forbids execution"))
	if got := hint(known, "ns"); got != "set TMPDIR" {
		t.Errorf("got %q, want what the error says", got)
	}
}

func TestCause(t *testing.T) {
	t.Parallel()
	plain := errors.New("no user namespaces")
	unsafe := &sandbox.Unsafe{Err: plain}
	for _, err := range []error{plain, unsafe, fmt.Errorf("begin: %w", unsafe)} {
		if got := cause(err); got != plain.Error() {
			t.Errorf("got %q of %q, want %q", got, err, plain)
		}
	}
}

func TestEnumerate(t *testing.T) {
	t.Parallel()
	for want, words := range map[string][]string{"one": {"one"}, "one or two": {"one", "two"},
		"one, two or three": {"one", "two", "three"}} {
		if got := enumerate(words); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{0: "0.0 s", 1249 * time.Millisecond: "1.2 s",
		time.Minute: "60.0 s"} {
		if got := seconds(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

// TestExam_backends looks for stores where addresses name nobody.
func TestExam_backends(t *testing.T) {
	t.Parallel()
	env := map[string]string{"LABS_REDIS_URL": "redis://127.0.0.1:1",
		"LABS_POSTGRES_URL": "postgres://127.0.0.1:1/x"}
	e := &Exam{Backends: backends.Options{Dir: t.TempDir(),
		Getenv: func(name string) string { return env[name] }}}
	if up := e.running(t.Context()); len(up) > 0 {
		t.Errorf("got %+v left running in an empty folder", up)
	}
	seen := map[string]bool{}
	for _, l := range e.backends(t.Context()) {
		seen[l.Part] = true
		kind, _, _ := strings.Cut(l.Part, " ")
		switch {
		case l.OK && l.Hint != "":
			t.Errorf("got %+v, want no hint where nothing is to be done", l)
		case l.OK && l.lacks != "", !l.OK && l.found != "":
			t.Errorf("got %+v, want it found or lacking", l)
		case strings.HasSuffix(l.Part, " "+backends.URL) && (l.OK || l.Detail == "not set" ||
			l.lacks != name(kind)):
			t.Errorf("got %+v, want an address where nobody answers", l)
		}
	}
	for _, part := range []string{"redis url", "redis embedded", "postgres url"} {
		if !seen[part] {
			t.Errorf("got %v, want a line on %s", seen, part)
		}
	}
}
