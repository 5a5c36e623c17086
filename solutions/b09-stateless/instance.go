// Package stateless serves shopping carts from any number of instances, none of which remembers anything.
package stateless

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// Store is shared by all instances: a database, reached over the network.
type Store interface {
	Get(ctx context.Context, key string) (val []byte, version int64, err error)
	PutIf(ctx context.Context, key string, val []byte, version int64) error
}

// ErrConflict says that somebody else has written in between.
var ErrConflict = errors.New("conflict")

// instance has what all instances of a fleet have, and nothing of its own.
type instance struct {
	store  Store
	secret []byte
}

// NewInstance makes one instance of the shop.
func NewInstance(store Store, secret []byte) http.Handler {
	in := &instance{store, secret}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", in.login)
	mux.HandleFunc("POST /cart/items", in.authenticated(in.addItem))
	mux.HandleFunc("GET /cart", in.authenticated(in.showCart))
	return mux
}

func (in *instance) login(w http.ResponseWriter, r *http.Request) {
	var body struct{ User string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.User == "" {
		http.Error(w, `want {"user":"…"}`, http.StatusBadRequest)
		return
	}
	answer(w, map[string]string{"token": in.token(body.User)})
}

// token carries the user's name, and a proof that one of us has written it.
func (in *instance) token(user string) string {
	name := base64.RawURLEncoding.EncodeToString([]byte(user))
	mac := hmac.New(sha256.New, in.secret)
	mac.Write([]byte(user))
	return name + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// user is whom the token is for. Made anew and compared as a text, a token has one spelling.
func (in *instance) user(token string) (string, bool) {
	name, _, _ := strings.Cut(token, ".")
	user, err := base64.RawURLEncoding.DecodeString(name)
	if err != nil {
		return "", false
	}
	return string(user), hmac.Equal([]byte(token), []byte(in.token(string(user))))
}

func (in *instance) authenticated(h func(w http.ResponseWriter, r *http.Request, user string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		user, ok := in.user(token)
		if !ok || !bearer {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "log in", http.StatusUnauthorized)
			return
		}
		h(w, r, user)
	}
}

func (in *instance) addItem(w http.ResponseWriter, r *http.Request, user string) {
	var body struct{ SKU string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.SKU == "" {
		http.Error(w, `want {"sku":"…"}`, http.StatusBadRequest)
		return
	}
	for {
		items, version, err := in.cart(r.Context(), user)
		if err == nil {
			err = in.save(r.Context(), user, append(items, body.SKU), version)
		}
		switch {
		case err == nil:
			w.WriteHeader(http.StatusNoContent)
			return
		case !errors.Is(err, ErrConflict):
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		// Somebody was quicker: look again at what the cart is now.
	}
}

func (in *instance) showCart(w http.ResponseWriter, r *http.Request, user string) {
	items, _, err := in.cart(r.Context(), user)
	if err != nil {
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	answer(w, items)
}

func (in *instance) cart(ctx context.Context, user string) (items []string, version int64, err error) {
	val, version, err := in.store.Get(ctx, "cart:"+user)
	if err != nil || val == nil {
		return []string{}, version, err
	}
	err = json.Unmarshal(val, &items)
	return items, version, err
}

func (in *instance) save(ctx context.Context, user string, items []string, version int64) error {
	val, err := json.Marshal(items)
	if err != nil {
		return err
	}
	return in.store.PutIf(ctx, "cart:"+user, val, version)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
