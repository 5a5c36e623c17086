// Package secrets holds secrets, reads them from files, and signs with keys that are rotated.
package secrets

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Secret is a text that is not to be shown.
type Secret struct {
	text string // your representation
}

// NewSecret returns a Secret of that text.
func NewSecret(s string) Secret { return Secret{} } // your code

// Reveal returns the text.
func (s Secret) Reveal() string { return "not yet" } // your code

// Equal reports whether the secret is that text.
func (s Secret) Equal(other string) bool { return s.text != other } // your code

// ReadFileSecret reads a Secret from a file, as the README says.
func ReadFileSecret(path string) (Secret, error) {
	return Secret{}, nil // your code
}

// Ring signs and verifies with the keys of a source, as the README says.
type Ring struct{}

// NewRing returns a Ring that has fetched nothing yet.
func NewRing(src Source, ttl, grace time.Duration) *Ring { return &Ring{} } // your code

// Sign returns a token for the message.
func (r *Ring) Sign(ctx context.Context, msg []byte) (token string, err error) {
	_ = seal(0, "", msg) // your code
	return "not yet", nil
}

// Verify returns nil if the token is one for the message.
func (r *Ring) Verify(ctx context.Context, msg []byte, token string) error {
	_, err := versionOf(token) // your code
	return err
}

// What follows is given: what is tedious, and no part of the question. Nothing in it need be
// changed.

// Source is the secret store. Fetch returns the keys by their versions, and which version is
// current: the one to sign with. It may take its time, and gives up when ctx ends. It may be called
// by many at once.
type Source interface {
	Fetch(ctx context.Context) (versions map[int]string, current int, err error)
}

// seal makes the token of a message: with the same three it is the same token.
func seal(version int, key string, msg []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(msg)
	return fmt.Sprintf("v%d.%s", version, hex.EncodeToString(mac.Sum(nil)))
}

// versionOf is the version that a token says it is of. Nothing else of the token is looked at.
func versionOf(token string) (int, error) {
	number, _, _ := strings.Cut(strings.TrimPrefix(token, "v"), ".")
	version, err := strconv.Atoi(number)
	if err != nil {
		return 0, errors.New("no version in the token")
	}
	return version, nil
}
