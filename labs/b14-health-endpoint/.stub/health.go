// Package health answers the question whether this server can do its work.
package health

import (
	"context"
	"net/http"
	"time"
)

// Check looks at one thing that the server depends on.
type Check struct {
	Name     string                      // any text, unique among the checks of a handler
	Critical bool                        // without it the server cannot do its work
	Timeout  time.Duration               // how long Func may take; 0 means a default of your choice, 1 to 3 seconds
	Func     func(context.Context) error // nil means up, an error means down
}

// NewHealth returns a handler that runs the checks and answers GET and HEAD with what they found, as JSON:
//
//	200 {"status":"ok","checks":{"db":{"status":"up"},"search":{"status":"up"}}}          all are up
//	200 {"status":"degraded","checks":{"db":{"status":"up"},"search":{"status":"down"}}}  critical ones are up
//	503 {"status":"down","checks":{"db":{"status":"down"},"search":{"status":"up"}}}      a critical one is down
//
// More fields are fine. Without any checks it is 200 and "ok". Every answer has Cache-Control: no-store, and nothing of
// the checks' errors.
//
// The checks run at the same time. The context that a Func gets ends after the check's Timeout, and for no other reason
// while Func runs. A Func that has not returned by then is down, whether or not it ever will: the answer does not wait
// for it. One that panics is down, and nothing else happens.
//
// What the checks have found is used for all probes of the next cacheFor, and after that not any more. A probe that
// comes while they are running waits for what they find. With cacheFor 0 every probe runs the checks anew. A prober that
// hangs up does not change what others are told.
func NewHealth(cacheFor time.Duration, checks ...Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not implemented", http.StatusNotImplemented) // your code
	})
}
