// Package stateless serves shopping carts from any number of instances, none of which remembers anything.
//
// This one has tokens that say nothing: they name a session in the store. A cart is a list of lines.
package stateless

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Store is shared by all instances.
type Store interface {
	Get(ctx context.Context, key string) (val []byte, version int64, err error)
	PutIf(ctx context.Context, key string, val []byte, version int64) error
}

// ErrConflict says that somebody else has written in between.
var ErrConflict = errors.New("conflict")

// NewInstance makes one instance of the shop.
func NewInstance(store Store, secret []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ User, SKU string }
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				http.Error(w, "bad request", http.StatusBadRequest)
				return
			}
		}
		if r.URL.Path == "/login" {
			token := rand.Text()
			if err := store.PutIf(r.Context(), session(secret, token), []byte(body.User), 0); err != nil {
				http.Error(w, "unavailable", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintf(w, `{"token":%q}`, token)
			return
		}
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		user, _, err := store.Get(r.Context(), session(secret, token))
		if err != nil {
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return
		}
		if !strings.EqualFold(scheme, "Bearer") || len(user) == 0 {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		key := fmt.Sprintf("carts/%x", user)
		switch r.Method + r.URL.Path {
		case "POST/cart/items":
			for err = ErrConflict; errors.Is(err, ErrConflict); {
				var old []byte
				var version int64
				if old, version, err = store.Get(r.Context(), key); err == nil {
					line, _ := json.Marshal(body.SKU)
					err = store.PutIf(r.Context(), key, append(append(old, line...), '\n'), version)
				}
			}
			if err != nil {
				http.Error(w, "unavailable", http.StatusServiceUnavailable)
				return
			}
			w.WriteHeader(http.StatusCreated)
		case "GET/cart":
			lines, _, err := store.Get(r.Context(), key)
			if err != nil {
				http.Error(w, "unavailable", http.StatusServiceUnavailable)
				return
			}
			list := bytes.ReplaceAll(bytes.TrimSpace(lines), []byte("\n"), []byte(","))
			fmt.Fprintf(w, "[%s]", list)
		default:
			http.NotFound(w, r)
		}
	})
}

// session is the key of a session. Whoever can read the store does not learn the tokens from it.
func session(secret []byte, token string) string {
	sum := sha256.Sum256(append(append([]byte{}, secret...), token...))
	return "sessions/" + hex.EncodeToString(sum[:])
}
