package auth

import (
	"context"
	"errors"
	"strings"
)

// Hybrid gives out access tokens, which are verified without the store, and refresh tokens, which are
// not.
type Hybrid struct {
	jwt   *JWT
	store Store
}

// NewHybrid makes the Hybrid of one instance.
func NewHybrid(j *JWT, s Store) *Hybrid {
	return &Hybrid{jwt: j, store: s}
}

// family is the entry of one. A refresh token is the family's id, a dot, and a secret.
type family struct {
	User    string
	Version string // the user's, when it began
	Secret  string // of the one token that has not been used
}

func familyKey(id string) string { return "family:" + id }

// versionKey is where the version of a user is stored: a new one for each Revoke, for ever, and none
// until the first.
func versionKey(user string) string { return "version:" + user }

// get is Store.Get, and "" for what is missing.
func (h *Hybrid) get(ctx context.Context, key string) (string, error) {
	val, err := h.store.Get(ctx, key, 0)
	if errors.Is(err, ErrMissing) {
		return "", nil
	}
	return val, unavailable(err)
}

// Login begins a family.
func (h *Hybrid) Login(ctx context.Context, user string) (access, refresh string, err error) {
	version, err := h.get(ctx, versionKey(user))
	if err != nil {
		return "", "", err
	}
	access, err = h.jwt.Issue(user)
	if err != nil {
		return "", "", err
	}
	id, f := newID(), family{User: user, Version: version, Secret: newID()}
	if err := h.store.Set(ctx, familyKey(id), encode(f), RefreshTTL); err != nil {
		return "", "", unavailable(err)
	}
	return access, id + "." + f.Secret, nil
}

// Refresh takes a refresh token, and returns the next two of its family.
func (h *Hybrid) Refresh(ctx context.Context, refresh string) (access, next string, err error) {
	id, secret, _ := strings.Cut(refresh, ".")
	was, err := h.get(ctx, familyKey(id))
	if err != nil {
		return "", "", err
	}
	f, err := decode[family](was)
	if err != nil { // as "" is
		return "", "", ErrInvalid
	}
	if f.Secret != secret {
		// It has been used, by the owner or by a thief, and whoever is the other one has the newest.
		if err := h.store.Del(ctx, familyKey(id)); err != nil {
			return "", "", unavailable(err)
		}
		return "", "", ErrInvalid
	}
	version, err := h.get(ctx, versionKey(f.User))
	if err != nil {
		return "", "", err
	}
	if f.Version != version {
		return "", "", ErrInvalid
	}
	access, err = h.jwt.Issue(f.User)
	if err != nil {
		return "", "", err
	}
	f.Secret = newID()
	won, err := h.store.CompareAndSwap(ctx, familyKey(id), was, encode(f), RefreshTTL)
	if err != nil {
		return "", "", unavailable(err)
	}
	if !won { // somebody else was at it
		return "", "", ErrInvalid
	}
	return access, id + "." + f.Secret, nil
}

// Revoke ends all families of a user.
func (h *Hybrid) Revoke(ctx context.Context, user string) error {
	return unavailable(h.store.Set(ctx, versionKey(user), newID(), 0))
}
