// Package health answers the question whether this server can do its work.
//
// In this one each check keeps its own last result, and whoever needs a newer one waits in line for the check's lock. A
// check that hangs is not started a second time.
package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Check looks at one thing that the server depends on.
type Check struct {
	Name     string
	Critical bool
	Timeout  time.Duration
	Func     func(context.Context) error
}

type line struct {
	Check
	cacheFor time.Duration

	mu     sync.Mutex
	asked  time.Time // when the last result was there
	up     bool
	hanged chan error // of a run that was given up and has not returned
}

// NewHealth returns a handler that runs the checks and answers with what they found.
func NewHealth(cacheFor time.Duration, checks ...Check) http.Handler {
	var lines []*line
	for _, c := range checks {
		if c.Timeout == 0 {
			c.Timeout = 3 * time.Second
		}
		lines = append(lines, &line{Check: c, cacheFor: cacheFor})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		type result struct {
			of *line
			up bool
		}
		results := make(chan result, len(lines))
		for _, l := range lines {
			go func() { results <- result{l, l.isUp()} }()
		}
		body := struct {
			Status string                       `json:"status"`
			Checks map[string]map[string]string `json:"checks"`
			Time   time.Time                    `json:"time"`
		}{"ok", map[string]map[string]string{}, time.Now()}
		status := 200
		for range lines {
			one := <-results
			word := "up"
			switch {
			case one.up:
			case one.of.Critical:
				word, body.Status, status = "down", "down", 503
			default:
				word = "down"
				if status == 200 {
					body.Status = "degraded"
				}
			}
			body.Checks[one.of.Name] = map[string]string{"status": word}
		}
		w.Header().Set("Cache-Control", "no-cache, no-store, must-revalidate")
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			json.NewEncoder(w).Encode(body)
		}
	})
}

func (l *line) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.asked.IsZero() && time.Since(l.asked) < l.cacheFor {
		return l.up
	}
	l.up = l.run() == nil
	l.asked = time.Now()
	return l.up
}

func (l *line) run() error {
	if l.hanged != nil {
		select {
		case <-l.hanged:
			l.hanged = nil
		default:
			return errors.New("still hanging")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.Timeout)
	timer := time.NewTimer(l.Timeout)
	defer timer.Stop()
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				ended <- fmt.Errorf("%v", p)
			}
		}()
		ended <- l.Func(ctx)
	}()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		l.hanged = ended
		return context.DeadlineExceeded
	}
}
