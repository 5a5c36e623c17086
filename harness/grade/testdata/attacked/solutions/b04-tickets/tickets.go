package tickets

import (
	"encoding/base64"
	"net/http"
	"time"
)

// Name needs no more than the standard library.
func Name(at time.Time, id []byte) string {
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
