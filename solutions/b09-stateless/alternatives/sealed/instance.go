// Package stateless serves shopping carts from any number of instances, none of which remembers anything.
//
// This one has tokens that nobody can read, and that expire after a day and an hour.
package stateless

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
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

// lifetime is how long a token is good for.
const lifetime = 25 * time.Hour

// pass is what a token says, to those who have the secret.
type pass struct {
	User  []byte // JSON strings would change bytes that are no UTF-8
	Until time.Time
}

// token is a pass, sealed.
func (in *instance) token(user string) string {
	plain, _ := json.Marshal(pass{[]byte(user), time.Now().Add(lifetime)})
	return hex.EncodeToString(in.seal().Seal(nil, nil, plain, nil))
}

// user is whom the token is for. A seal has one spelling: that of the encoder.
func (in *instance) user(token string) (string, bool) {
	sealed, err := hex.DecodeString(token)
	if err != nil || hex.EncodeToString(sealed) != token {
		return "", false
	}
	plain, err := in.seal().Open(nil, nil, sealed, nil)
	if err != nil {
		return "", false
	}
	var p pass
	err = json.Unmarshal(plain, &p)
	return string(p.User), err == nil && time.Now().Before(p.Until)
}

// seal encrypts and authenticates, with nonces of its own.
func (in *instance) seal() cipher.AEAD {
	key := sha256.Sum256(in.secret)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has the right length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
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
