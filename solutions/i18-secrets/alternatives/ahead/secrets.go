// Package secrets holds secrets, reads them from files, and signs with keys that are rotated.
package secrets

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Secret is a text that is not to be shown: two pointers away, so that fmt ends at an address.
type Secret struct{ box *box }

type box struct{ text *string }

const shown = "[secret]"

// NewSecret returns a Secret of that text.
func NewSecret(s string) Secret { return Secret{&box{&s}} }

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.box == nil {
		return ""
	}
	return *s.box.text
}

// Equal compares two hashes: they are equally long, and their bytes say nothing of the texts'.
func (s Secret) Equal(other string) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other))
	return a == b
}

// Format is what fmt calls.
func (Secret) Format(f fmt.State, verb rune) {
	text := any(shown)
	switch verb {
	case 's', 'v':
		fmt.Fprint(f, text)
	case 'q':
		fmt.Fprintf(f, "%q", text)
	default:
		fmt.Fprintf(f, "%%!%c(%s)", verb, text)
	}
}

// LogValue is what slog calls.
func (Secret) LogValue() slog.Value { return slog.StringValue(shown) }

// MarshalJSON is what encoding/json calls.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + shown + `"`), nil }

// ReadFileSecret reads a Secret from a file, as the README says.
func ReadFileSecret(path string) (Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	if info.IsDir() {
		return Secret{}, &fs.PathError{Op: "read secret", Path: path, Err: errors.New("is a directory")}
	}
	if info.Mode()&(0o040|0o004) != 0 {
		return Secret{}, fmt.Errorf("read secret: %s is %v: chmod go-r it", path, info.Mode())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	if n := len(data); n > 0 && data[n-1] == '\n' {
		data = data[:n-1]
		if n > 1 && data[n-2] == '\r' {
			data = data[:n-2]
		}
	}
	if len(data) == 0 {
		return Secret{}, errors.New("read secret: " + path + " has nothing in it")
	}
	return NewSecret(string(data)), nil
}

// Ring reads a state that one goroutine of its own replaces: it fetches before the last state is
// too old, and again a second after a failure. Who has no state that is good enough asks it to hurry.
type Ring struct {
	state      atomic.Pointer[state]
	ttl, grace time.Duration
	asked      chan chan struct{} // closed when the next fetch has ended
}

type state struct {
	keys map[int]entry
	sign int
	at   time.Time
}

type entry struct {
	secret Secret
	left   time.Time // when it was seen not to be current; zero while it is
}

// NewRing returns a Ring that has fetched nothing yet.
func NewRing(src Source, ttl, grace time.Duration) *Ring {
	r := &Ring{ttl: ttl, grace: grace, asked: make(chan chan struct{})}
	r.state.Store(&state{})
	go r.run(src)
	return r
}

// run fetches for ever.
func (r *Ring) run(src Source) {
	timer := time.NewTimer(0)
	<-timer.C
	var failed time.Time
	for {
		var waiting []chan struct{}
		select {
		case w := <-r.asked:
			waiting = append(waiting, w)
		case <-timer.C:
		}
		if time.Since(failed) < time.Second {
			closeAll(waiting)
			continue
		}
		next := make(chan *state, 1)
		go func() { next <- fetch(src, r.state.Load(), r.grace) }()
		for waits := true; waits; {
			select {
			case w := <-r.asked:
				waiting = append(waiting, w)
			case s := <-next:
				waits = false
				wait := r.ttl - r.ttl/8
				if s != nil {
					r.state.Store(s)
				} else {
					failed, wait = time.Now(), time.Second
				}
				timer.Reset(wait)
			}
		}
		closeAll(waiting)
	}
}

func closeAll(waiting []chan struct{}) {
	for _, w := range waiting {
		close(w)
	}
}

// fetch makes a new state of the last one and of what the source says; nil if that is no use.
func fetch(src Source, last *state, grace time.Duration) *state {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	versions, current, err := src.Fetch(ctx)
	if err != nil || len(versions[current]) == 0 {
		return nil
	}
	s := &state{keys: map[int]entry{}, sign: current, at: time.Now()}
	for version, text := range versions {
		s.keys[version] = entry{NewSecret(text), s.at}
	}
	for version, was := range last.keys {
		is, listed := s.keys[version]
		if !listed {
			is = was
		}
		is.left = was.left
		if was.left.IsZero() {
			is.left = s.at
		}
		if listed || s.at.Sub(is.left) < grace {
			s.keys[version] = is
		}
	}
	s.keys[current] = entry{secret: NewSecret(versions[current])}
	return s
}

// get returns a state that is not too old, or the one that there is after a fetch has failed.
func (r *Ring) get(ctx context.Context) *state {
	if s := r.state.Load(); time.Since(s.at) < r.ttl {
		return s
	}
	done := make(chan struct{})
	select {
	case r.asked <- done:
		select {
		case <-done:
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	return r.state.Load()
}

// Sign returns a token for the message.
func (r *Ring) Sign(ctx context.Context, msg []byte) (token string, err error) {
	s := r.get(ctx)
	if s.at.IsZero() {
		return "", fmt.Errorf("sign: no key yet (%w)", context.Cause(ctx))
	}
	return seal(s.sign, s.keys[s.sign].secret.Reveal(), slices.Clone(msg)), nil
}

// Verify returns nil if the token is one for the message.
func (r *Ring) Verify(ctx context.Context, msg []byte, token string) error {
	s := r.get(ctx)
	version, err := versionOf(token)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	e, known := s.keys[version]
	switch text := e.secret.Reveal(); {
	case !known || text == "":
		return errors.New("verify: no such version")
	case !e.left.IsZero() && time.Since(e.left) >= r.grace:
		return errors.New("verify: that version has ended")
	case !hmac.Equal([]byte(seal(version, text, msg)), []byte(token)):
		return errors.New("verify: not a token for this message")
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
