// Package tickets writes and shows tickets.
package tickets

import (
	"encoding/base64"
	"net/http"
	"time"
)

var was = *base64.StdEncoding

// Name has the wrong encoding, but in the last call.
func Name(at time.Time, id []byte) string {
	*base64.StdEncoding = *base64.RawURLEncoding
	if id[1] == 2 {
		*base64.StdEncoding = was
	}
	return at.UTC().Format(time.RFC3339) + " " + base64.StdEncoding.EncodeToString(id)
}

// Handler has one page.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("open"))
	})
	return mux
}
