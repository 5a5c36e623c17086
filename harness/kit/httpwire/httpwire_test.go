package httpwire_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
)

// handlers answer in every way in which it matters when the headers leave.
var handlers = map[string]func(w http.ResponseWriter){
	"nothing":      func(http.ResponseWriter) {},
	"headers only": func(w http.ResponseWriter) { w.Header().Set("X-A", "1") },
	"a header before the status": func(w http.ResponseWriter) {
		w.Header().Set("X-A", "1")
		w.WriteHeader(http.StatusTeapot)
	},
	"a header behind the status": func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-A", "1")
	},
	"a header behind the body": func(w http.ResponseWriter) {
		io.WriteString(w, "hello")
		w.Header().Set("X-A", "1")
	},
	"a header behind a body of nothing": func(w http.ResponseWriter) {
		w.Write(nil)
		w.Header().Set("X-A", "1")
	},
	"a header behind a flush": func(w http.ResponseWriter) {
		w.(http.Flusher).Flush()
		w.Header().Set("X-A", "1")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "<html>")
	},
	"another flush": func(w http.ResponseWriter) {
		io.WriteString(w, "hello")
		http.NewResponseController(w).Flush()
		io.WriteString(w, "\x00\x01")
		http.NewResponseController(w).Flush()
	},
	"headers changed behind the status": func(w http.ResponseWriter) {
		w.Header()["X-A"] = []string{"1", "2"}
		w.WriteHeader(http.StatusOK)
		w.Header()["X-A"][0] = "3"
		delete(w.Header(), "X-A")
	},
	"two statuses": func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
	},
	"a status that is not the last": func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-A", "1")
		w.WriteHeader(http.StatusTeapot)
	},
	"only a status that is not the last": func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusEarlyHints)
	},
	"a status of which nobody has heard": func(w http.ResponseWriter) { w.WriteHeader(999) },
	"a type of its own": func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "<html>")
	},
	"no type on purpose": func(w http.ResponseWriter) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html>")
	},
	"a type behind the body": func(w http.ResponseWriter) {
		io.WriteString(w, `{"a":1}`)
		w.Header().Set("Content-Type", "application/json")
	},
	"a body that looks like a page": func(w http.ResponseWriter) { io.WriteString(w, "<html>") },
	"a page in two pieces": func(w http.ResponseWriter) {
		io.WriteString(w, "<ht")
		io.WriteString(w, "ml>")
	},
	"a page in two flushed pieces": func(w http.ResponseWriter) {
		io.WriteString(w, "<ht")
		w.(http.Flusher).Flush()
		io.WriteString(w, "ml>")
	},
	"a body with an encoding": func(w http.ResponseWriter) {
		w.Header().Set("Content-Encoding", "x")
		io.WriteString(w, "<html>")
	},
	"a long body": func(w http.ResponseWriter) {
		io.WriteString(w, strings.Repeat(" ", 600)+"\x00"+strings.Repeat(" ", 5000))
	},
	"a body with a 204": func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusNoContent)
		if _, err := io.WriteString(w, "hello"); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	},
	"a body with a 304": func(w http.ResponseWriter) {
		w.Header().Set("Etag", `"1"`)
		w.WriteHeader(http.StatusNotModified)
		if n, err := w.Write([]byte("hello")); n != 0 || !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	},
	"an error": func(w http.ResponseWriter) { http.Error(w, "no", http.StatusBadRequest) },
}

// TestRecord_likeAServer lets handlers answer a client, over a server of net/http, and a record: both
// get the same.
func TestRecord_likeAServer(t *testing.T) {
	t.Parallel()
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httpwire.New()
			h(w.Writer())
			bubble.Run(t, func(t *testing.T) { compare(t, w, h) })
		})
	}
}

func compare(t *testing.T, got *httpwire.Record, h func(w http.ResponseWriter)) {
	t.Helper()
	l := memhttp.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { h(w) }))
	res, err := l.Client().Get(memhttp.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	res.Header.Del("Date")
	res.Header.Del("Content-Length")
	header := got.Header()
	if ct, ok := header["Content-Type"]; ok && len(ct) == 0 {
		delete(header, "Content-Type")
	}
	if got.Status() != res.StatusCode || got.Body() != string(body) || !reflect.DeepEqual(header, res.Header) {
		t.Errorf("got %d %v %.40q, want %d %v %.40q", got.Status(), header, got.Body(),
			res.StatusCode, res.Header, body)
	}
}

// TestRecord_sent is about who has sent something, and what a record says of who has not.
func TestRecord_sent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do            func(w http.ResponseWriter)
		sent, flushed bool
	}{
		"nothing":        {func(http.ResponseWriter) {}, false, false},
		"headers":        {func(w http.ResponseWriter) { w.Header().Set("X-A", "1") }, false, false},
		"an early hint":  {func(w http.ResponseWriter) { w.WriteHeader(103) }, false, false},
		"another":        {func(w http.ResponseWriter) { w.WriteHeader(101) }, true, false},
		"a status":       {func(w http.ResponseWriter) { w.WriteHeader(200) }, true, false},
		"an empty write": {func(w http.ResponseWriter) { w.Write(nil) }, true, false},
		"a flush":        {func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httpwire.New()
			tt.do(r.Writer())
			if r.Sent() != tt.sent || r.Flushed() != tt.flushed {
				t.Errorf("got sent %v, flushed %v, want %v, %v", r.Sent(), r.Flushed(), tt.sent, tt.flushed)
			}
		})
	}
}

// TestRecord_outOfReach tries what handlers have tried to change what they have answered.
func TestRecord_outOfReach(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func(w http.ResponseWriter){
		"JSON into the writer": func(w http.ResponseWriter) {
			json.Unmarshal([]byte(`{"Code":503,"to":{"status":503},"Body":null}`), w)
			json.Unmarshal([]byte(`{"Code":503,"to":{"status":503},"Body":null}`), &w)
		},
		"a recorder": func(w http.ResponseWriter) {
			if r, ok := w.(*httptest.ResponseRecorder); ok {
				r.Code = 503
			}
		},
		"the record": func(w http.ResponseWriter) {
			if r, ok := w.(interface{ Writer() http.ResponseWriter }); ok {
				t.Errorf("got %T by its methods", r)
			}
			if r, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
				t.Errorf("got %T by its methods", r)
			}
		},
		"reflection": func(w http.ResponseWriter) {
			v := reflect.ValueOf(w)
			if v.CanSet() || v.Kind() == reflect.Pointer || v.Field(0).Elem().CanSet() ||
				v.Field(0).CanInterface() {
				t.Error("got a writer that reflection can change")
			}
		},
		"the headers": func(w http.ResponseWriter) { w.Header()["X-A"][0] = "2" },
		"another status": func(w http.ResponseWriter) {
			w.WriteHeader(503)
			w.(http.Flusher).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httpwire.New()
			r.Writer().Header().Set("X-A", "1")
			r.Writer().WriteHeader(http.StatusTeapot)
			try(r.Writer())
			r.Header().Set("X-A", "3") // a copy
			if r.Status() != http.StatusTeapot || r.Header().Get("X-A") != "1" || r.Body() != "" {
				t.Errorf("got %d %v %q, want 418 with X-A: 1", r.Status(), r.Header(), r.Body())
			}
		})
	}
}

// TestRecord_noStatus panics like a server for what is no status.
func TestRecord_noStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{-1, 0, 99, 1000} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("got no panic for %d", status)
				}
			}()
			httpwire.New().Writer().WriteHeader(status)
		}()
	}
}
