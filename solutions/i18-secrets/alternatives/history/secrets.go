// Package secrets holds secrets, reads them from files, and signs with keys that are rotated.
package secrets

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Secret is a text that is not to be shown. What it is lies in a channel of one place: nothing that
// prints or encodes takes anything out of one.
type Secret struct{ place chan string }

// NewSecret returns a Secret of that text.
func NewSecret(s string) Secret {
	place := make(chan string, 1)
	place <- s
	return Secret{place}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.place == nil {
		return ""
	}
	text := <-s.place
	s.place <- text
	return text
}

// Equal reports whether the secret is that text.
func (s Secret) Equal(other string) bool {
	text := s.Reveal()
	if len(text) != len(other) {
		return false
	}
	var differ byte
	for i := range len(text) {
		differ |= text[i] ^ other[i]
	}
	return differ == 0
}

// String, GoString and the rest say that it is one.
func (Secret) String() string               { return "[secret]" }
func (Secret) GoString() string             { return "secrets.Secret" }
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue("[secret]") }
func (Secret) GobEncode() ([]byte, error)   { return nil, errors.New("a secret is not stored") }

// ReadFileSecret reads a Secret from a file, as the README says.
func ReadFileSecret(path string) (Secret, error) {
	var b strings.Builder
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		err = owned(f)
	}
	if err == nil {
		_, err = io.Copy(&b, f)
	}
	text := b.String()
	switch {
	case strings.HasSuffix(text, "\r\n"):
		text = text[:len(text)-2]
	case strings.HasSuffix(text, "\n"):
		text = text[:len(text)-1]
	}
	if err == nil && text == "" {
		err = fmt.Errorf("there is no secret in %q", path)
	}
	if err != nil {
		return Secret{}, err
	}
	return NewSecret(text), nil
}

// owned returns an error if others than its owner may read a file.
func owned(f *os.File) error {
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o044 != 0 {
		err = fmt.Errorf("the mode of %s is %#o", f.Name(), info.Mode().Perm())
	}
	return err
}

// Ring remembers what it has seen, and works out from that what holds now.
type Ring struct {
	src        Source
	ttl, grace time.Duration
	flight     singleflight.Group

	mu      sync.Mutex
	history []sighting // only those at which something was another than before
	good    time.Time  // when the last fetch was that was of use
	bad     time.Time  // and the last that was not
}

// sighting is what a fetch has shown.
type sighting struct {
	at      time.Time
	current int
	keys    map[int]Secret
}

// NewRing returns a Ring that has fetched nothing yet.
func NewRing(src Source, ttl, grace time.Duration) *Ring {
	return &Ring{src: src, ttl: ttl, grace: grace}
}

// find goes through the history for one version: its key, and until when it is accepted.
func (r *Ring) find(version int) (key Secret, until time.Time) {
	known, leads := false, false
	for _, s := range r.history {
		if k, listed := s.keys[version]; listed {
			key = k
			if !known {
				known, until = true, s.at.Add(r.grace)
			}
		}
		if leads && s.current != version {
			until = s.at.Add(r.grace)
		}
		leads = s.current == version
	}
	if leads {
		until = time.Now().Add(time.Hour)
	}
	return key, until
}

// see adds what was fetched to the history.
func (r *Ring) see(versions map[int]string, current int) {
	r.good = time.Now()
	if n := len(r.history); n > 0 {
		last := r.history[n-1]
		if last.current == current && maps.EqualFunc(last.keys, versions, Secret.Equal) {
			return
		}
	}
	s := sighting{r.good, current, map[int]Secret{}}
	for version, text := range versions {
		s.keys[version] = NewSecret(text)
	}
	r.history = append(r.history, s)
}

// look fetches if that is due, and returns when it has, or when there is no more time for it.
func (r *Ring) look(ctx context.Context) {
	r.mu.Lock()
	due := time.Since(r.good) >= r.ttl && time.Since(r.bad) >= time.Second
	r.mu.Unlock()
	if !due {
		return
	}
	fetched := r.flight.DoChan("", func() (any, error) {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		versions, current, err := r.src.Fetch(limited)
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil || versions[current] == "" {
			r.bad = time.Now()
			return nil, nil
		}
		r.see(versions, current)
		return nil, nil
	})
	select {
	case <-fetched:
	case <-ctx.Done():
	}
}

// Sign returns a token for the message.
func (r *Ring) Sign(ctx context.Context, msg []byte) (token string, err error) {
	r.look(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.history) == 0 {
		return "", errors.New("the keys cannot be had")
	}
	current := r.history[len(r.history)-1].current
	key, _ := r.find(current)
	return seal(current, key.Reveal(), msg), nil
}

// Verify returns nil if the token is one for the message.
func (r *Ring) Verify(ctx context.Context, msg []byte, token string) error {
	r.look(ctx)
	version, err := versionOf(token)
	r.mu.Lock()
	defer r.mu.Unlock()
	key, until := r.find(version)
	good := err == nil && key.Reveal() != "" && time.Now().Before(until)
	if !good || !hmac.Equal([]byte(token), []byte(seal(version, key.Reveal(), msg))) {
		return errors.New("no token of ours")
	}
	return nil
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
