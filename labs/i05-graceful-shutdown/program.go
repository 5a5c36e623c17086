package shutdown

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// Program is the program around Serve: given, and not to be changed. It returns its exit code. The checks run it as a
// process of its own; so can you, with "go run ./labs/i05-graceful-shutdown/server".
//
// From its environment it takes ADDR (127.0.0.1:0), DRAIN_DELAY (200ms) and TIMEOUT (10s). It prints the address that it
// listens on, and each request when it begins to serve it. Its routes:
//
//	/fast   answers at once
//	/slow   answers after 400 ms
//	/stuck  never answers
//	/ready  is what Ready returns
func Program() int {
	ln, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), "127.0.0.1:0"))
	if err != nil {
		slog.Error("listen", "err", err)
		return 1
	}
	fmt.Println("listening on", ln.Addr())
	return Serve(ln, routes(), Options{
		DrainDelay: setting("DRAIN_DELAY", 200*time.Millisecond),
		Timeout:    setting("TIMEOUT", 10*time.Second),
		Closers: []func(context.Context) error{func(context.Context) error {
			fmt.Println("closed the database")
			return nil
		}},
	})
}

func routes() http.Handler {
	answerAfter := func(d time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			fmt.Println("serving", r.URL.Path)
			select {
			case <-time.After(d):
				fmt.Fprintln(w, "ok")
			case <-r.Context().Done(): // the client has gone, or was cut off
			}
		}
	}
	const never = 1000 * time.Hour
	mux := http.NewServeMux()
	mux.Handle("/fast", answerAfter(0))
	mux.Handle("/slow", answerAfter(400*time.Millisecond))
	mux.Handle("/stuck", answerAfter(never))
	mux.Handle("/ready", Ready())
	return mux
}

// setting reads a duration from the environment.
func setting(name string, otherwise time.Duration) time.Duration {
	d, err := time.ParseDuration(os.Getenv(name))
	if err != nil {
		return otherwise
	}
	return d
}
