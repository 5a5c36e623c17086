// Package secrets holds secrets, reads them from files, and signs with keys that are rotated.
package secrets

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Secret is a text that is not to be shown. It is behind a function: fmt looks into unexported
// fields without calling any method of theirs, and of a function it sees the address alone.
type Secret struct{ reveal func() string }

// NewSecret returns a Secret of that text.
func NewSecret(s string) Secret { return Secret{func() string { return s }} }

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Equal reports whether the secret is that text.
func (s Secret) Equal(other string) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other)) == 1
}

const hidden = "[secret]"

// Format is what fmt calls, for whichever verb.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(f, "%q", hidden)
		return
	}
	io.WriteString(f, hidden)
}

// MarshalText is what encoding/json and its like call, and log/slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// ReadFileSecret reads a Secret from a file, as the README says.
func ReadFileSecret(path string) (Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, err
	}
	defer f.Close()
	info, err := f.Stat() // of what is open: what the path leads to may be another file by now
	if err != nil {
		return Secret{}, err
	}
	if mode := info.Mode().Perm(); mode&0o044 != 0 {
		return Secret{}, fmt.Errorf("%s has the mode %o: others may read it", path, mode)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return Secret{}, err
	}
	text, ended := strings.CutSuffix(string(data), "\n")
	if ended {
		text = strings.TrimSuffix(text, "\r")
	}
	if text == "" {
		return Secret{}, fmt.Errorf("%s is empty", path)
	}
	return NewSecret(text), nil
}

const (
	patience = time.Second // how long a fetch may take
	pause    = time.Second // after one that has failed
)

var (
	errNoKeys = errors.New("no key could be fetched yet")
	errToken  = errors.New("the token is not valid")
)

// Ring signs and verifies with the keys of a source, as the README says.
type Ring struct {
	src        Source
	ttl, grace time.Duration

	mu       sync.Mutex
	keys     map[int]key
	current  int
	fetched  time.Time     // when the last good fetch ended
	failed   time.Time     // when the last bad one did
	fetching chan struct{} // closed when the fetch that is under way ends; nil if none is
}

type key struct {
	secret Secret
	until  time.Time // it is accepted; zero while it is current
}

// NewRing returns a Ring that has fetched nothing yet.
func NewRing(src Source, ttl, grace time.Duration) *Ring {
	return &Ring{src: src, ttl: ttl, grace: grace, keys: map[int]key{}}
}

// Sign returns a token for the message.
func (r *Ring) Sign(ctx context.Context, msg []byte) (token string, err error) {
	r.refresh(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	k, known := r.keys[r.current]
	if !known {
		return "", errNoKeys
	}
	return seal(r.current, k.secret.Reveal(), msg), nil
}

// Verify returns nil if the token is one for the message.
func (r *Ring) Verify(ctx context.Context, msg []byte, token string) error {
	version, err := versionOf(token)
	if err != nil {
		return errToken
	}
	r.refresh(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	k, known := r.keys[version]
	if !known || k.secret.Reveal() == "" || !k.until.IsZero() && !time.Now().Before(k.until) {
		return errToken
	}
	if !hmac.Equal([]byte(token), []byte(seal(version, k.secret.Reveal(), msg))) {
		return errToken
	}
	return nil
}

// refresh sees to it that the keys are not too old, if that can be had. All that need a fetch wait
// for the same one. It ends on its own, so nobody else suffers when a caller gives up.
func (r *Ring) refresh(ctx context.Context) {
	r.mu.Lock()
	if time.Since(r.fetched) < r.ttl {
		r.mu.Unlock()
		return
	}
	if r.fetching == nil && time.Since(r.failed) >= pause {
		r.fetching = make(chan struct{})
		go r.fetch(context.WithoutCancel(ctx))
	}
	fetching := r.fetching
	r.mu.Unlock()
	if fetching == nil {
		return
	}
	select {
	case <-fetching:
	case <-ctx.Done():
	}
}

// fetch asks the source once.
func (r *Ring) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	versions, current, err := r.src.Fetch(ctx)

	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.fetching)
	r.fetching = nil
	if err != nil || versions[current] == "" { // HMAC would take the empty key
		r.failed = time.Now()
		return
	}
	r.take(versions, current)
}

// take makes what was fetched the keys. One that is listed no more is kept, too: its grace goes on.
func (r *Ring) take(versions map[int]string, current int) {
	now := time.Now()
	if k, known := r.keys[r.current]; known && r.current != current {
		k.until = now.Add(r.grace)
		r.keys[r.current] = k
	}
	for version, text := range versions {
		k, known := r.keys[version]
		if !known {
			k.until = now.Add(r.grace)
		}
		if version == current {
			k.until = time.Time{}
		}
		k.secret = NewSecret(text)
		r.keys[version] = k
	}
	r.current, r.fetched = current, now
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
