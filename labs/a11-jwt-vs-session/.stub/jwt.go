package auth

import (
	"context"
	"errors"
	"time"
)

// JWT issues tokens that carry who they are for, and verifies them.
type JWT struct {
	keys     Keys
	iss, aud string
	ttl      time.Duration
	// your code
}

// NewJWT makes the JWT of one instance.
func NewJWT(k Keys, iss, aud string, ttl time.Duration) *JWT {
	return &JWT{keys: k, iss: iss, aud: aud, ttl: ttl} // your code
}

// Issue makes a token that expires when ttl has passed.
func (j *JWT) Issue(user string) (string, error) { // is given
	kid, priv := j.keys.Current()
	return sign(kid, priv, claims{Iss: j.iss, Aud: audience{j.aud}, Sub: user,
		Exp: seconds(time.Now().Add(j.ttl))}), nil
}

// Verify returns the user of a token.
func (j *JWT) Verify(ctx context.Context, tok string) (user string, err error) {
	_ = split                                // is given: it takes a token apart
	return "", errors.New("not implemented") // your code
}
