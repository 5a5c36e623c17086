// Package auth tells who a request is from, in three ways: by tokens that carry the answer, by sessions
// that are looked up, and by both.
package auth

// All of this file is given.

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrInvalid says that a credential is no good.
	ErrInvalid = errors.New("invalid credential")
	// ErrUnavailable says that nobody can tell at the moment.
	ErrUnavailable = errors.New("unavailable")
	// ErrMissing is what a Store returns for a key that it does not have.
	ErrMissing = errors.New("no such entry")
	// ErrUnknownKey is what Lookup returns for a key that there is not.
	ErrUnknownKey = errors.New("no such key")
)

const (
	// Leeway is how far the clocks of two servers may be apart.
	Leeway = 30 * time.Second
	// RefreshTTL is how long a refresh token lives.
	RefreshTTL = 30 * 24 * time.Hour
)

// Keys are the issuer's, as one instance sees them.
type Keys interface {
	// Current is the key that this instance signs with, which changes now and then.
	Current() (kid string, priv ed25519.PrivateKey)
	// Lookup asks the issuer, over the network, for the public half of a key. It returns ErrUnknownKey,
	// perhaps wrapped, if there is no such key, and another error if the issuer does not answer.
	Lookup(ctx context.Context, kid string) (ed25519.PublicKey, error)
}

// Store is what all instances share, over the network. A call that returns an error, perhaps wrapped, has
// changed nothing. A time to live of 0 is for ever.
type Store interface {
	// Get returns ErrMissing if there is no such key, or not any more. If renew is more than 0, it sets
	// the time to live in the same step, as Redis's GETEX does.
	Get(ctx context.Context, key string, renew time.Duration) (string, error)
	Set(ctx context.Context, key, val string, ttl time.Duration) error
	// Del does nothing if there is no such key.
	Del(ctx context.Context, key string) error
	// CompareAndSwap sets val if the key has the value old, or is missing and old is "". It tells whether
	// it has.
	CompareAndSwap(ctx context.Context, key, old, val string, ttl time.Duration) (bool, error)
}

// header is the first part of a token, as far as it matters.
type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
}

// claims are the second part, as far as they matter. Times are seconds since 1970; nil is none.
type claims struct {
	Iss string   `json:"iss"`
	Aud audience `json:"aud"`
	Sub string   `json:"sub"`
	Exp *float64 `json:"exp,omitempty"`
	Nbf *float64 `json:"nbf,omitempty"`
}

// audience is a string in JSON, or a list of them.
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// split takes a token apart. sig should be a signature of signed, but nothing has been verified yet:
// everything in it may have been written by anybody.
func split(tok string) (h header, c claims, signed, sig []byte, err error) {
	parts := strings.Split(tok, ".")
	if len(parts) != 3 {
		return h, c, nil, nil, errors.New("a token has three parts")
	}
	var raw [3][]byte
	for i, part := range parts {
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return h, c, nil, nil, err
		}
	}
	if err = json.Unmarshal(raw[0], &h); err != nil {
		return h, c, nil, nil, err
	}
	if err = json.Unmarshal(raw[1], &c); err != nil {
		return h, c, nil, nil, err
	}
	return h, c, []byte(parts[0] + "." + parts[1]), raw[2], nil
}

// sign makes a token.
func sign(kid string, priv ed25519.PrivateKey, c claims) string {
	part := base64.RawURLEncoding.EncodeToString
	signed := part([]byte(encode(header{Alg: "EdDSA", Kid: kid}))) + "." + part([]byte(encode(c)))
	return signed + "." + part(ed25519.Sign(priv, []byte(signed)))
}

// seconds is a time as in claims.
func seconds(t time.Time) *float64 {
	s := float64(t.UnixMilli()) / 1000
	return &s
}

// newID is a name that nobody can guess, of 26 letters and digits.
func newID() string { return rand.Text() }

// encode is an entry of the store.
func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // a type that cannot be encoded
	}
	return string(data)
}

// decode reads an entry of the store.
func decode[T any](val string) (v T, err error) {
	err = json.Unmarshal([]byte(val), &v)
	return v, err
}

// unavailable is err as an ErrUnavailable, or nil.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %v", ErrUnavailable, err)
}
