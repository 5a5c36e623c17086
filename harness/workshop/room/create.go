package room

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"time"
)

// Create makes the room, all of whose labs are open, and returns the instructor's secret. With a room there already it
// is left as it is, and a new secret is returned beside the others, which stay.
func (s *Store) Create(ctx context.Context, r Room) (instructor string, err error) {
	instructor = secret()
	err = s.change(ctx, func(t *tx) error {
		now := s.now()
		if r.Code == "" {
			r.Code = code(8)
		}
		labs, err := json.Marshal(r.Labs)
		if err != nil {
			return err
		}
		course, err := json.Marshal(r.Course)
		if err != nil {
			return err
		}
		made, err := t.exec(`INSERT INTO room (id, title, code, labs, course, created, opens, closes, ended, limited)
			VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`, r.Title, r.Code, string(labs),
			string(course), micros(now), micros(r.Opens), micros(r.Closes), micros(r.Ended), bit(r.Limited))
		if err != nil {
			return err
		}
		if made > 0 {
			for i, lab := range r.Labs {
				if _, err := t.exec(`INSERT INTO settings (lab, position, is_open, deadline, late_cost, per_hour, hints, answer)
					VALUES (?, ?, 1, 0, 0, 0, 0, 0)`, lab, i); err != nil {
					return err
				}
			}
			if err := t.note("server", "made", "the room", r.Title); err != nil {
				return err
			}
		}
		_, err = t.exec("INSERT INTO secrets (hash, made) VALUES (?, ?)", hash(instructor), micros(now))
		return err
	})
	return instructor, err
}

// Admit makes a secret that somebody has chosen one of the instructor's. It is to be long and random.
func (s *Store) Admit(ctx context.Context, secret string) error {
	return s.change(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO secrets (hash, made) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING", hash(secret),
			micros(s.now()))
		return err
	})
}

// Instructor reports whether a secret is the instructor's.
func (s *Store) Instructor(ctx context.Context, secret string) (is bool, err error) {
	wanted := hash(secret)
	err = s.all(ctx, "SELECT hash FROM secrets", nil, func(row scanner) error {
		var have string
		if err := row.Scan(&have); err != nil {
			return err
		}
		is = is || subtle.ConstantTimeCompare([]byte(have), []byte(wanted)) == 1
		return nil
	})
	return is, err
}

// Room is the room; ErrNoRoom where there is none yet.
func (s *Store) Room(ctx context.Context) (Room, error) {
	r, err := scanRoom(s.read.QueryRowContext(ctx, selectRoom))
	if err == ErrNotFound {
		err = ErrNoRoom
	}
	return r, err
}

const selectRoom = "SELECT title, code, labs, course, created, opens, closes, ended, limited FROM room"

func scanRoom(row scanner) (r Room, err error) {
	var labs, course string
	var created, opens, closes, ended int64
	var limited int
	err = found(row.Scan(&r.Title, &r.Code, &labs, &course, &created, &opens, &closes, &ended, &limited))
	if err != nil {
		return r, err
	}
	r.Created, r.Opens, r.Closes, r.Ended = moment(created), moment(opens), moment(closes), moment(ended)
	r.Limited = limited == 1
	if err := json.Unmarshal([]byte(labs), &r.Labs); err != nil {
		return r, fmt.Errorf("read the database: %w", err)
	}
	if err := json.Unmarshal([]byte(course), &r.Course); err != nil {
		return r, fmt.Errorf("read the database: %w", err)
	}
	return r, nil
}

// room is the room, which nobody else changes before the transaction is over.
func (t *tx) room() (Room, error) {
	query := selectRoom
	if t.s.postgres {
		query += " FOR UPDATE"
	}
	r, err := scanRoom(t.QueryRowContext(t.ctx, query))
	if err == ErrNotFound {
		err = ErrNoRoom
	}
	return r, err
}

// Change changes title, times and whether only the roster may join by f, and what was done goes into the audit log.
func (s *Store) Change(ctx context.Context, did, detail string, f func(*Room)) (r Room, err error) {
	err = s.change(ctx, func(t *tx) error {
		if r, err = t.room(); err != nil {
			return err
		}
		f(&r)
		if _, err := t.exec("UPDATE room SET title = ?, opens = ?, closes = ?, ended = ?, limited = ?", r.Title,
			micros(r.Opens), micros(r.Closes), micros(r.Ended), bit(r.Limited)); err != nil {
			return err
		}
		return t.note("instructor", did, "the room", detail)
	})
	return r, err
}

// Settings are those of all labs of the room, in their order.
func (s *Store) Settings(ctx context.Context) (all []Setting, err error) {
	err = s.all(ctx, selectSetting+" ORDER BY position", nil, func(row scanner) error {
		set, err := scanSetting(row)
		all = append(all, set)
		return err
	})
	return all, err
}

const selectSetting = "SELECT lab, is_open, deadline, late_cost, per_hour, hints, answer FROM settings"

func scanSetting(row scanner) (set Setting, err error) {
	var open, answer int
	var deadline int64
	err = row.Scan(&set.Lab, &open, &deadline, &set.LateCost, &set.PerHour, &set.Hints, &answer)
	set.Open, set.Deadline, set.Answer = open == 1, moment(deadline), answer == 1
	return set, err
}

// setting is that of a lab; ErrNotFound where the room has not that lab.
func (t *tx) setting(lab string) (Setting, error) {
	set, err := scanSetting(t.QueryRowContext(t.ctx, t.s.q(selectSetting+" WHERE lab = ?"), lab))
	return set, found(err)
}

// ChangeLab changes the setting of a lab by f.
func (s *Store) ChangeLab(ctx context.Context, lab, did, detail string, f func(*Setting)) (set Setting, err error) {
	err = s.change(ctx, func(t *tx) error {
		if set, err = t.setting(lab); err != nil {
			return err
		}
		f(&set)
		set.LateCost, set.PerHour, set.Hints = min(max(set.LateCost, 0), 100), max(set.PerHour, 0), max(set.Hints, 0)
		if _, err := t.exec(`UPDATE settings SET is_open = ?, deadline = ?, late_cost = ?, per_hour = ?, hints = ?, answer = ?
			WHERE lab = ?`, bit(set.Open), micros(set.Deadline), set.LateCost, set.PerHour, set.Hints, bit(set.Answer),
			lab); err != nil {
			return err
		}
		return t.note("instructor", did, lab, detail)
	})
	return set, err
}

// note adds a line to the audit log.
func (t *tx) note(who, did, what, detail string) error {
	_, err := t.exec("INSERT INTO audit (at, who, did, what, detail) VALUES (?, ?, ?, ?, ?)", micros(t.s.now()), who, did,
		what, detail)
	return err
}

// Note adds a line to the audit log. Its time is the store's.
func (s *Store) Note(ctx context.Context, e Entry) error {
	return s.change(ctx, func(t *tx) error { return t.note(e.Who, e.Did, e.What, e.Detail) })
}

// Audit is the log, newest first, at most limit.
func (s *Store) Audit(ctx context.Context, limit int) (all []Entry, err error) {
	err = s.all(ctx, "SELECT id, at, who, did, what, detail FROM audit ORDER BY id DESC LIMIT ?", []any{limit},
		func(row scanner) error {
			var e Entry
			var at int64
			err := row.Scan(&e.ID, &at, &e.Who, &e.Did, &e.What, &e.Detail)
			e.At = moment(at)
			all = append(all, e)
			return err
		})
	return all, err
}

// open reports why nothing can be handed in now: ErrEnded, ErrClosed, or nil.
func (r Room) open(now time.Time) error {
	switch {
	case !r.Ended.IsZero():
		return ErrEnded
	case !r.Opens.IsZero() && now.Before(r.Opens), !r.Closes.IsZero() && !now.Before(r.Closes):
		return ErrClosed
	}
	return nil
}
