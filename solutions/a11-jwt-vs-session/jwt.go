package auth

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"sync"
	"time"
)

// quiet is how long nobody is looked up after a Lookup that has failed.
const quiet = 10 * time.Second

// JWT issues tokens that carry who they are for, and verifies them.
type JWT struct {
	keys     Keys
	iss, aud string
	ttl      time.Duration

	known sync.Map // ed25519.PublicKey by kid
	// asking has room for the one that is at Lookup, and guards failed.
	asking chan struct{}
	failed time.Time // when a Lookup did the last time
}

// NewJWT makes the JWT of one instance.
func NewJWT(k Keys, iss, aud string, ttl time.Duration) *JWT {
	return &JWT{keys: k, iss: iss, aud: aud, ttl: ttl, asking: make(chan struct{}, 1)}
}

// Issue makes a token that expires when ttl has passed.
func (j *JWT) Issue(user string) (string, error) {
	kid, priv := j.keys.Current()
	return sign(kid, priv, claims{Iss: j.iss, Aud: audience{j.aud}, Sub: user,
		Exp: seconds(time.Now().Add(j.ttl))}), nil
}

// Verify returns the user of a token.
func (j *JWT) Verify(ctx context.Context, tok string) (user string, err error) {
	h, c, signed, sig, err := split(tok)
	if err != nil || h.Alg != "EdDSA" || !j.ours(c) { // what costs nothing comes first
		return "", ErrInvalid
	}
	pub, err := j.key(ctx, h.Kid)
	if err != nil {
		return "", err
	}
	if !ed25519.Verify(pub, signed, sig) {
		return "", ErrInvalid
	}
	return c.Sub, nil
}

// ours tells whether a token with these claims is for us, and for now.
func (j *JWT) ours(c claims) bool {
	now := time.Now()
	return c.Iss == j.iss &&
		slices.Contains(c.Aud, j.aud) &&
		c.Sub != "" &&
		c.Exp != nil && *c.Exp >= *seconds(now.Add(-Leeway)) &&
		(c.Nbf == nil || *c.Nbf <= *seconds(now.Add(Leeway)))
}

// key is the public half of a key.
func (j *JWT) key(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	if pub := j.knows(kid); pub != nil {
		return pub, nil
	}
	select {
	case j.asking <- struct{}{}:
		defer func() { <-j.asking }()
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
	if pub := j.knows(kid); pub != nil { // somebody has asked meanwhile
		return pub, nil
	}
	if time.Since(j.failed) < quiet {
		return nil, ErrUnavailable
	}
	pub, err := j.keys.Lookup(ctx, kid)
	if err != nil {
		j.failed = time.Now()
		if errors.Is(err, ErrUnknownKey) {
			return nil, ErrInvalid
		}
		return nil, unavailable(err)
	}
	j.known.Store(kid, pub)
	return pub, nil
}

// knows is the public half of a key for which nobody has to be asked, or nil.
func (j *JWT) knows(kid string) ed25519.PublicKey {
	if own, priv := j.keys.Current(); own == kid {
		return priv.Public().(ed25519.PublicKey)
	}
	if pub, ok := j.known.Load(kid); ok {
		return pub.(ed25519.PublicKey)
	}
	return nil
}
