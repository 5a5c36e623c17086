package names_test

import (
	"fmt"
	"io"
	"log"
	"strings"
	"sync"
	"testing"

	names "github.com/backend-labs/backend-labs/labs/b01-names"
)

func unknown(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(text, "panic") && !strings.Contains(text, "on purpose") || strings.Contains(text, "names_test") {
		t.Error(text)
	}
}

// what panics is told by the frames that are the lab's
func TestByDo(t *testing.T) {
	text := names.ByDo()
	unknown(t, text)
	if !strings.Contains(text, "b01-names/names.go:") {
		t.Error(text)
	}
}

func TestByResolve(t *testing.T) { unknown(t, names.ByResolve()) }

// within sees the memory that it is given to read into or to write from, whole.
type within func(p []byte)

func (w within) Read(p []byte) (int, error)  { w(p[:cap(p)]); return 0, io.EOF }
func (w within) Write(p []byte) (int, error) { w(p[:cap(p)]); return len(p), nil }

// a library's pools are memory of all instances
func TestByPool(t *testing.T) {
	var p sync.Pool
	for range 100 {
		if p.Put(new(int)); p.Get() != nil {
			t.Fatal("something comes back")
		}
	}
	for what, see := range map[string]func(w within){
		"io.Discard": func(w within) { io.Copy(io.Discard, w) },
		"fmt":        func(w within) { fmt.Fprint(w, "eight by") },
		"log":        func(w within) { log.New(w, "", 0).Print("eight b") },
	} {
		const mark = 0xA7
		for range 100 {
			see(func(p []byte) {
				if p[len(p)-1] == mark {
					t.Fatalf("%s: memory of before is there", what)
				}
				p[len(p)-1] = mark
			})
		}
	}
}
