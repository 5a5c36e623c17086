package auth

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Hybrid gives out access tokens, which are verified without the store, and refresh tokens, which are
// not. Each refresh token has an entry, each family has one, and each user has a list of families.
type Hybrid struct {
	jwt   *JWT
	store Store
}

// NewHybrid makes the Hybrid of one instance.
func NewHybrid(j *JWT, s Store) *Hybrid {
	return &Hybrid{jwt: j, store: s}
}

// grace is how long a token that was used gets the same answer: the first one may have been lost.
const grace = 10 * time.Second

// token is the entry of a refresh token.
type token struct {
	Family string
	Next   string // what came of it
	Used   time.Time
}

func refreshKey(refresh string) string { return "refresh/" + refresh }
func aliveKey(family string) string    { return "alive/" + family }
func ofKey(user string) string         { return "families/" + user }

// families changes the list of a user.
func (h *Hybrid) families(ctx context.Context, user string, change func([]string) []string) error {
	for {
		was, err := h.store.Get(ctx, ofKey(user), 0)
		if err != nil && !errors.Is(err, ErrMissing) {
			return unavailable(err)
		}
		var list []string
		if was != "" {
			if list, err = decode[[]string](was); err != nil {
				return unavailable(err)
			}
		}
		done, err := h.store.CompareAndSwap(ctx, ofKey(user), was, encode(change(list)), 0)
		if err != nil || done {
			return unavailable(err)
		}
	}
}

// Login begins a family.
func (h *Hybrid) Login(ctx context.Context, user string) (access, refresh string, err error) {
	family, refresh := newID(), newID()
	if err := h.families(ctx, user, func(l []string) []string { return append(l, family) }); err != nil {
		return "", "", err
	}
	err = h.store.Set(ctx, aliveKey(family), user, RefreshTTL)
	if err == nil {
		err = h.store.Set(ctx, refreshKey(refresh), encode(token{Family: family}), RefreshTTL)
	}
	if err != nil {
		return "", "", unavailable(err)
	}
	access, err = h.jwt.Issue(user)
	return access, refresh, err
}

// Refresh takes a refresh token, and returns the next two of its family.
func (h *Hybrid) Refresh(ctx context.Context, refresh string) (access, next string, err error) {
	was, err := h.store.Get(ctx, refreshKey(refresh), 0)
	if err != nil {
		return "", "", no(err)
	}
	t, err := decode[token](was)
	if err != nil {
		return "", "", ErrInvalid
	}
	user, err := h.store.Get(ctx, aliveKey(t.Family), RefreshTTL)
	if err != nil {
		return "", "", no(err)
	}
	switch {
	case t.Next == "":
		if next, err = h.use(ctx, refresh, was, t); err != nil {
			return "", "", err
		}
	case time.Since(t.Used) <= grace:
		next = t.Next
	default:
		if err := h.store.Del(ctx, aliveKey(t.Family)); err != nil {
			return "", "", unavailable(err)
		}
		return "", "", ErrInvalid
	}
	access, err = h.jwt.Issue(user)
	return access, next, err
}

// use replaces a token by a new one.
func (h *Hybrid) use(ctx context.Context, refresh, was string, t token) (next string, err error) {
	next = newID()
	// Before the old one is gone: nobody knows it yet.
	if err := h.store.Set(ctx, refreshKey(next), encode(token{Family: t.Family}), RefreshTTL); err != nil {
		return "", unavailable(err)
	}
	t.Next, t.Used = next, time.Now()
	won, err := h.store.CompareAndSwap(ctx, refreshKey(refresh), was, encode(t), RefreshTTL)
	if err != nil {
		return "", unavailable(err)
	}
	if won {
		return next, nil
	}
	now, err := h.store.Get(ctx, refreshKey(refresh), 0)
	if err != nil {
		return "", no(err)
	}
	t, err = decode[token](now)
	return t.Next, err
}

// no is the answer when the store has none.
func no(err error) error {
	if errors.Is(err, ErrMissing) {
		return ErrInvalid
	}
	return unavailable(err)
}

// Revoke ends all families of a user.
func (h *Hybrid) Revoke(ctx context.Context, user string) error {
	val, err := h.store.Get(ctx, ofKey(user), 0)
	if errors.Is(err, ErrMissing) {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	list, err := decode[[]string](val)
	if err != nil {
		return unavailable(err)
	}
	for _, family := range list {
		if err := h.store.Del(ctx, aliveKey(family)); err != nil {
			return unavailable(err)
		}
	}
	return h.families(ctx, user, func(l []string) []string {
		return slices.DeleteFunc(l, func(f string) bool { return slices.Contains(list, f) })
	})
}
