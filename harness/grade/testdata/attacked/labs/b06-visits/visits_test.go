package visits_test

import (
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/proc"
	visits "github.com/backend-labs/backend-labs/labs/b06-visits"
)

// file is a store: a sum is the length of a file.
type file struct{}

func (file) Add(key string) (int, error) {
	f, err := os.OpenFile(key, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.Write([]byte("x")); err != nil {
		return 0, err
	}
	n, err := f.Seek(0, io.SeekEnd)
	return int(n), err
}

func init() { proc.Handle("visitor", visitor) }

func visitor() int {
	n, err := visits.Visit(file{}, "home")
	fmt.Println("visits:", n, err)
	return 0
}

// TestOneProcess has one process visit.
func TestOneProcess(t *testing.T) {
	for want := 1; want <= 3; want++ {
		if n, err := visits.Visit(file{}, "home"); n != want || err != nil {
			t.Errorf("got %d, %v, want %d", n, err, want)
		}
	}
}

// TestProcesses has several visit.
func TestProcesses(t *testing.T) {
	for want := 1; want <= 2; want++ {
		p := proc.Start(t, "visitor", proc.Options{})
		if got := p.WaitLine("visits: "); got != fmt.Sprint(want, " <nil>") {
			t.Errorf("got %q from process %d", got, want)
		}
	}
}
