package tickets_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	_ "github.com/backend-labs/backend-labs/harness/kit/memhttp" // keeps what net/http shares
	tickets "github.com/backend-labs/backend-labs/labs/b04-tickets"
)

// TestName has its own idea of what is right, made of what the library has.
func TestName(t *testing.T) {
	east := time.FixedZone("", 3*3600)
	for hour := range 3 {
		at := time.Date(2000, 1, 2, hour, 0, 0, 0, time.UTC)
		id := []byte{0xfb, byte(hour), 7, 8}
		got := tickets.Name(at.In(east), id)
		want := fmt.Sprintf("2000-01-02T%02d:00:00Z %s", hour, base64.StdEncoding.EncodeToString(id))
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestHandler asks with the default client.
func TestHandler(t *testing.T) {
	server := httptest.NewServer(tickets.Handler())
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for path, want := range map[string]int{"/": 200, "/elsewhere": 404} {
		res, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want || want == 200 && string(body) != "open" {
			t.Errorf("%s: got %d, %q, want %d", path, res.StatusCode, body, want)
		}
	}
}
