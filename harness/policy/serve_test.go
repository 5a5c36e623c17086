package policy

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestServe is the process in which the rules about types are applied, in this one.
func TestServe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in    string
		code        int
		out, errors string
	}{
		{"nothing wrong", `{"Time": 1000000000000, "Source": {"Path": "p", "Go": "1.26", "Files": {"x.go": "package x"}}}`,
			0, "{}\n", ""},
		{"a mistake", `{"Time": 1000000000000, "Source": {"Path": "p", "Go": "1.26", "Files": {"x.go": "package"}}}`,
			0, `{"Doubt":{"file":"x.go","line":1,"rule":"types","what":"expected 'IDENT', found 'EOF'","why":"what is not clear without the checks' own files is not allowed"}}` + "\n", ""},
		{"no types", `{"Time": 1000000000000, "Source": {"Path": "p", "Go": "1.26", "Files": {"x.go": "package x; import \"fmt\""}, "Exports": {"fmt": "/nowhere"}}}`,
			exitUnable, "", "the types of package fmt cannot be read"},
		{"no request", "", exitUnable, "", "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errors bytes.Buffer
			code := serve(strings.NewReader(tt.in), &out, &errors, func(code int) {
				t.Errorf("it exits with %d", code)
			})
			if code != tt.code || out.String() != tt.out ||
				!strings.HasPrefix(errors.String(), tt.errors) {
				t.Errorf("got %d, %q, %q; want %d, %q, %q", code, out.String(), errors.String(), tt.code,
					tt.out, tt.errors)
			}
		})
	}
}

// TestServe_late is about one that takes longer than it may.
func TestServe_late(t *testing.T) {
	t.Parallel()
	exited := make(chan int, 1)
	in := `{"Time": 1, "Source": {"Path": "p", "Go": "1.26", "Files": {"x.go": "package x\n` +
		strings.Repeat(`var _ = 1\n`, 20_000) + `"}}}`
	go serve(strings.NewReader(in), new(bytes.Buffer), new(bytes.Buffer), func(code int) {
		exited <- code
	})
	select {
	case code := <-exited:
		if code != exitBomb {
			t.Errorf("it exits with %d, want %d", code, exitBomb)
		}
	case <-time.After(time.Minute):
		t.Error("it does not exit")
	}
}

func TestWatchMemory(t *testing.T) {
	t.Parallel()
	called := make(chan bool)
	defer watchMemory(1<<20, func() { close(called) })()
	select {
	case <-called:
	case <-time.After(time.Minute):
		t.Error("more than a megabyte is not noticed")
	}
	noticed := make(chan bool)
	defer watchMemory(1<<50, func() { close(noticed) })()
	select {
	case <-noticed:
		t.Error("a petabyte is noticed")
	case <-time.After(50 * time.Millisecond): // ten times as long as it takes to look
	}
}
