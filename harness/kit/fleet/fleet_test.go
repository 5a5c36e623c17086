package fleet_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/fleet"
)

// count lies in the process, and in nothing else.
var count atomic.Int64

func init() {
	fleet.Handle("counter", func() (http.Handler, error) {
		mux := http.NewServeMux()
		mux.HandleFunc("/add", fleet.Reply(func(_ *http.Request, n int64) (int64, error) {
			return count.Add(n), nil
		}))
		mux.HandleFunc("/fail", fleet.Reply(func(*http.Request, int) (int, error) {
			return 0, errors.New("no such luck")
		}))
		mux.HandleFunc("/env", fleet.Reply(func(_ *http.Request, name string) (string, error) {
			return os.Getenv(name), nil
		}))
		mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) {
			println("last words")
			os.Exit(7)
		})
		return mux, nil
	})
	fleet.Handle("broken", func() (http.Handler, error) { return nil, errors.New("no store") })
}

func TestStart_sharesNothing(t *testing.T) {
	t.Parallel()
	count.Store(100)
	for _, x := range fleet.Start(t, "counter", 3) {
		for n := int64(1); n <= 3; n++ {
			var got int64
			if err := x.Ask("/add", 1, &got); err != nil || got != n {
				t.Errorf("got %d, %v; want %d, as nobody else has counted", got, err, n)
			}
		}
	}
}

func TestStart_environment(t *testing.T) {
	t.Setenv("LABS_FLEET_TEST", "the parent's own")
	x := fleet.Start(t, "counter", 1, "STORE=here")[0]
	for name, want := range map[string]string{"STORE": "here", "LABS_FLEET_TEST": ""} {
		var got string
		if err := x.Ask("/env", name, &got); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestAsk_errors(t *testing.T) {
	t.Parallel()
	x := fleet.Start(t, "counter", 2)[1]
	for _, tt := range []struct{ path, want string }{
		{"/fail", "instance 2: no such luck"},
		{"/nowhere", "instance 2: 404 page not found"},
		{"/exit", "last words"},
	} {
		if err := x.Ask(tt.path, 1, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.path, err, tt.want)
		}
	}
}
