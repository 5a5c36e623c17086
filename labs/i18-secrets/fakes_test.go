package secrets_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	secrets "github.com/backend-labs/backend-labs/labs/i18-secrets"
)

// vault is a secret store.
type vault struct {
	takes time.Duration // what a Fetch takes

	mu       sync.Mutex
	versions map[int]string
	current  int
	err      error // what Fetch says
	hangs    bool  // Fetch does not answer before its ctx ends
	fetches  int
	last     time.Time     // when Fetch was called
	failed   time.Time     // when the last Fetch has failed; zero if it has not
	soonest  time.Duration // a Fetch was called after one that had failed; -1 if none was
}

// keyOf is the text of a version's key.
func keyOf(version int) string { return fmt.Sprintf("hunter-%d-Kx7", version) }

func newVault(current int, listed ...int) *vault {
	v := &vault{soonest: -1}
	v.publish(current, listed...)
	return v
}

// publish says which version is current from now on, and which others are listed.
func (v *vault) publish(current int, listed ...int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.versions, v.current = map[int]string{current: keyOf(current)}, current
	for _, version := range listed {
		v.versions[version] = keyOf(version)
	}
}

// broken lists these versions alone, whichever is current.
func (v *vault) broken(current int, versions map[int]string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.versions, v.current = versions, current
}

// slow makes each Fetch take that long.
func (v *vault) slow(takes time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.takes = takes
}

// down makes the store answer with an error, hang, or work again.
func (v *vault) down(err error, hangs bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.err, v.hangs = err, hangs
	if err != nil {
		v.versions = nil
	}
}

// asked is how often Fetch was called since the last time.
func (v *vault) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.fetches
	v.fetches = 0
	return n
}

// again is how soon Fetch was called after one that had failed, at the soonest; -1 if it never was.
func (v *vault) again() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.soonest
}

// lastAsked is when Fetch was last called.
func (v *vault) lastAsked() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

func (v *vault) Fetch(ctx context.Context) (versions map[int]string, current int, err error) {
	v.mu.Lock()
	v.fetches++
	v.last = time.Now()
	if after := time.Since(v.failed); !v.failed.IsZero() && (v.soonest < 0 || after < v.soonest) {
		v.soonest = after
	}
	hangs, takes := v.hangs, v.takes
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.failed = (time.Time{}); err != nil || versions[current] == "" {
			v.failed = time.Now()
		}
	}()
	if hangs {
		<-ctx.Done()
	} else if takes > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(takes):
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.versions), v.current, v.err
}

const (
	ttl   = time.Minute
	grace = 5 * time.Minute
)

var message = []byte("/orders/7")

func background() context.Context { return context.Background() }

// sign demands a token.
func sign(t *testing.T, r *secrets.Ring, did string) string {
	t.Helper()
	token, err := r.Sign(background(), message)
	expect.NoError(t, err, expect.Message{Did: did, Want: "a token"})
	return token
}

// by makes a token by that version, as an instance does that knows no other.
func by(t *testing.T, version int) string {
	t.Helper()
	return sign(t, secrets.NewRing(newVault(version), ttl, grace),
		fmt.Sprintf("Sign, on a ring whose only version is %d", version))
}

// versionOf is the version that a token of the message is by, of those from 0 to 9, or -1.
func versionOf(token string) int {
	for version := range 10 {
		r := secrets.NewRing(newVault(version), ttl, grace)
		if r.Verify(background(), message, token) == nil &&
			r.Verify(background(), []byte("another"), token) != nil {
			return version
		}
	}
	return -1
}

// wantSigned demands that the next token is by that version.
func wantSigned(t *testing.T, r *secrets.Ring, version int, did, why string) {
	t.Helper()
	got := versionOf(sign(t, r, did))
	expect.That(t, got == version, expect.Message{Did: did + ", then Sign",
		Want: fmt.Sprintf("a token by version %d", version),
		Got:  fmt.Sprintf("one by version %d (-1: by none)", got), Why: why})
}

// wantVerified demands that a token by that version is accepted, or that it is not.
func wantVerified(t *testing.T, r *secrets.Ring, version int, ok bool, did, why string) {
	t.Helper()
	err := r.Verify(background(), message, by(t, version))
	want := map[bool]string{true: "accepted", false: "refused"}
	expect.That(t, (err == nil) == ok, expect.Message{
		Did:  fmt.Sprintf("%s, then Verify a token by version %d", did, version),
		Want: want[ok], Got: want[err == nil], Why: why})
}
