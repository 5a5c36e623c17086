package auth

import (
	"context"
	"errors"
	"time"
)

// Sessions are what the store knows of those who are logged in.
type Sessions struct {
	store          Store
	idle, absolute time.Duration
}

// NewSessions makes the sessions of one instance.
func NewSessions(s Store, idle, absolute time.Duration) *Sessions {
	return &Sessions{store: s, idle: idle, absolute: absolute}
}

// Verify returns the user of a session. It reads, and renews only what is still as it was read.
func (s *Sessions) Verify(ctx context.Context, id string) (user string, err error) {
	val, err := s.store.Get(ctx, sessionKey(id), 0)
	switch {
	case errors.Is(err, ErrMissing):
		return "", ErrInvalid
	case err != nil:
		return "", errors.Join(ErrUnavailable, err)
	}
	entry, err := decode[session](val)
	if err != nil {
		return "", ErrInvalid
	}
	left := s.absolute - time.Since(entry.Since)
	if left <= 0 {
		return "", ErrInvalid
	}
	done, err := s.store.CompareAndSwap(ctx, sessionKey(id), val, val, min(s.idle, left))
	if err != nil {
		return "", errors.Join(ErrUnavailable, err)
	}
	if !done {
		return "", ErrInvalid
	}
	return entry.User, nil
}

// session is the entry of one.
type session struct {
	User  string
	Since time.Time // of the Login
}

// sessionKey is where it is stored.
func sessionKey(id string) string { return "session:" + id }

// listKey is where the ids of a user's sessions are stored, each with the time of its Login.
func listKey(user string) string { return "sessions-of:" + user }

// Login begins a session, and ends the one that the browser had before, if any.
func (s *Sessions) Login(ctx context.Context, old, user string) (id string, err error) {
	if err := s.Logout(ctx, old); err != nil {
		return "", err
	}
	id = newID()
	if err := s.list(ctx, user, id); err != nil {
		return "", unavailable(err)
	}
	entry := session{User: user, Since: time.Now()}
	if err := s.store.Set(ctx, sessionKey(id), encode(entry), s.idle); err != nil {
		return "", unavailable(err)
	}
	return id, nil
}

// list adds a session to those of its user, and drops those from it that must be over.
func (s *Sessions) list(ctx context.Context, user, id string) error {
	for {
		was, err := s.store.Get(ctx, listKey(user), 0)
		if err != nil && !errors.Is(err, ErrMissing) {
			return err
		}
		ids := map[string]time.Time{}
		if was != "" {
			if ids, err = decode[map[string]time.Time](was); err != nil {
				return err
			}
		}
		for id, since := range ids {
			if time.Since(since) > s.absolute {
				delete(ids, id)
			}
		}
		ids[id] = time.Now()
		done, err := s.store.CompareAndSwap(ctx, listKey(user), was, encode(ids), s.absolute)
		if done || err != nil {
			return err
		}
	}
}

// Logout ends a session.
func (s *Sessions) Logout(ctx context.Context, id string) error {
	return unavailable(s.store.Del(ctx, sessionKey(id)))
}

// LogoutAll ends all sessions of a user.
func (s *Sessions) LogoutAll(ctx context.Context, user string) error {
	val, err := s.store.Get(ctx, listKey(user), 0)
	if errors.Is(err, ErrMissing) {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	ids, err := decode[map[string]time.Time](val)
	if err != nil {
		return unavailable(err)
	}
	for id := range ids {
		if err := s.Logout(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
