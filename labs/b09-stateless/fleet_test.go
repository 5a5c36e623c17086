package stateless_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	processes "github.com/backend-labs/backend-labs/harness/kit/fleet"
	stateless "github.com/backend-labs/backend-labs/labs/b09-stateless"
)

func init() { processes.Handle("instance", instance) }

func TestTwoProcessesServeOneUser(t *testing.T) {
	shared := new(memory)
	server := httptest.NewServer(overHTTP(shared))
	t.Cleanup(server.Close)
	instances := processes.Start(t, "instance", 2, "STORE="+server.URL, "SECRET="+string(secret))
	client := &http.Client{Timeout: 10 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	var turn atomic.Int64
	do := func(method, path, token string, body any) answer {
		r, err := http.NewRequest(method, instances[turn.Add(1)%2].URL+path, jsonOf(body))
		if err != nil {
			return answer{err: err}
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return fetch(client, r)
	}

	const did = "started two processes with an instance in each and one store for both, logged " +
		"in as ann, "
	ann := login(t, "ann", do)
	var want []string
	for i := range 5 {
		sku := fmt.Sprintf("first-%d", i+1)
		ann.mustAdd(t, sku)
		want = append(want, sku)
		for range 2 {
			ann.wantCart(t, want,
				fmt.Sprintf("%sadded %d items, and asked for the cart, by turns at both processes",
					did, i+1),
				"nothing that lies in a process, however it is declared, reaches the next one; "+
					"on the next machine there is no other way than the store")
		}
	}

	bob := login(t, "bob", do)
	shared.mu.Lock()
	shared.contended = true
	shared.mu.Unlock()
	added := addAtOnce(t, "started two processes with an instance in each and one store for "+
		"both, logged in as bob, and added 20 items at once, at both", 20, bob.add)
	wantAll(t, "added 20 items at once to one cart, at two processes, and asked for the cart",
		bob.cart(t), added)
}

// instance is a process with one instance whose store is in another process.
func instance() (http.Handler, error) {
	store := remote{os.Getenv("STORE"),
		&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	return stateless.NewInstance(store, []byte(os.Getenv("SECRET"))), nil
}

func fetch(client *http.Client, r *http.Request) answer {
	res, err := client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, string(body), err}
}

// message is a request to a store, or its answer, on the wire.
type message struct {
	Key      string
	Val      []byte
	Version  int64
	Conflict bool
}

// overHTTP serves a store to other processes: POST reads and PUT writes, with a message each way.
func overHTTP(s stateless.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m message
		err := json.NewDecoder(r.Body).Decode(&m)
		if err == nil && r.Method == "PUT" {
			err = s.PutIf(r.Context(), m.Key, m.Val, m.Version)
		} else if err == nil {
			m.Val, m.Version, err = s.Get(r.Context(), m.Key)
		}
		m.Conflict = errors.Is(err, stateless.ErrConflict)
		if err != nil && !m.Conflict {
			http.Error(w, err.Error(), 500)
			return
		}
		json.NewEncoder(w).Encode(m)
	})
}

// remote is a Store in another process.
type remote struct {
	url    string
	client *http.Client
}

func (s remote) Get(ctx context.Context, key string) ([]byte, int64, error) {
	m, err := s.ask(ctx, "POST", message{Key: key})
	return m.Val, m.Version, err
}

func (s remote) PutIf(ctx context.Context, key string, val []byte, version int64) error {
	m, err := s.ask(ctx, "PUT", message{Key: key, Val: val, Version: version})
	if err == nil && m.Conflict {
		err = fmt.Errorf("put %q: %w", key, stateless.ErrConflict)
	}
	return err
}

func (s remote) ask(ctx context.Context, method string, m message) (message, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return message{}, err
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url, bytes.NewReader(body))
	if err != nil {
		return message{}, err
	}
	res, err := s.client.Do(r)
	if err != nil {
		return message{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		return message{}, fmt.Errorf("the store answers %s", res.Status)
	}
	var reply message
	err = json.NewDecoder(res.Body).Decode(&reply)
	return reply, err
}
