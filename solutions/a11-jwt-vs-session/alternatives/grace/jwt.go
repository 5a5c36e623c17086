package auth

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"sync"
	"time"
)

// JWT issues tokens that carry who they are for, and verifies them.
type JWT struct {
	keys     Keys
	iss, aud string
	ttl      time.Duration

	mu    sync.Mutex
	asked map[string]*question
	until time.Time // nobody is asked before
}

// question is a Lookup that is under way, or has found something.
type question struct {
	at   time.Time
	done chan struct{}
	pub  ed25519.PublicKey
	err  error
}

// NewJWT makes the JWT of one instance.
func NewJWT(k Keys, iss, aud string, ttl time.Duration) *JWT {
	return &JWT{keys: k, iss: iss, aud: aud, ttl: ttl, asked: map[string]*question{}}
}

// Issue makes a token that expires when ttl has passed.
func (j *JWT) Issue(user string) (string, error) {
	kid, priv := j.keys.Current()
	return sign(kid, priv, claims{Iss: j.iss, Aud: audience{j.aud}, Sub: user,
		Exp: seconds(time.Now().Add(j.ttl))}), nil
}

// Verify returns the user of a token. The signature comes first, and what is said in the token last.
func (j *JWT) Verify(ctx context.Context, tok string) (user string, err error) {
	h, c, signed, sig, err := split(tok)
	if err != nil || h.Alg != "EdDSA" || h.Kid == "" {
		return "", ErrInvalid
	}
	kid, priv := j.keys.Current()
	pub := priv.Public().(ed25519.PublicKey)
	if kid != h.Kid {
		if pub, err = j.lookup(ctx, h.Kid); err != nil {
			return "", err
		}
	}
	if !ed25519.Verify(pub, signed, sig) {
		return "", ErrInvalid
	}
	now := float64(time.Now().UnixNano()) / 1e9
	if c.Exp == nil || now > *c.Exp+30 || c.Nbf != nil && now < *c.Nbf-30 {
		return "", ErrInvalid
	}
	if c.Iss != j.iss || !slices.Contains(c.Aud, j.aud) || c.Sub == "" {
		return "", ErrInvalid
	}
	return c.Sub, nil
}

// lookup is Keys.Lookup, for an hour.
func (j *JWT) lookup(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	j.mu.Lock()
	q := j.asked[kid]
	if q == nil || time.Since(q.at) > time.Hour {
		if time.Now().Before(j.until) {
			j.mu.Unlock()
			return nil, ErrInvalid
		}
		q = &question{at: time.Now(), done: make(chan struct{})}
		j.asked[kid] = q
		j.mu.Unlock()
		q.pub, q.err = j.keys.Lookup(ctx, kid)
		j.mu.Lock()
		if q.err != nil {
			j.until = time.Now().Add(10 * time.Second)
			delete(j.asked, kid)
		}
		close(q.done)
	}
	j.mu.Unlock()
	<-q.done
	switch {
	case errors.Is(q.err, ErrUnknownKey):
		return nil, ErrInvalid
	case q.err != nil:
		return nil, ErrUnavailable
	}
	return q.pub, nil
}
