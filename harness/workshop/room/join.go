package room

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// seenEvery is how often it is noted that somebody was seen.
const seenEvery = 20 * time.Second

const selectParticipant = "SELECT id, name, team, mail, joined, seen, removed FROM participants"

func scanParticipant(row scanner) (p Participant, err error) {
	var joined, seen, removed int64
	err = row.Scan(&p.ID, &p.Name, &p.Group, &p.Mail, &joined, &seen, &removed)
	p.Joined, p.Seen, p.Removed = moment(joined), moment(seen), moment(removed)
	return p, err
}

// Roster adds the names that may join. Those that are there stay. ErrDuplicate names the double one.
func (s *Store) Roster(ctx context.Context, names []Participant) error {
	seen := map[string]bool{}
	return s.change(ctx, func(t *tx) error {
		for _, p := range names {
			name, folded, ok := cleanName(p.Name)
			if !ok {
				return fmt.Errorf("%q: %w", p.Name, ErrName)
			}
			if seen[folded] {
				return fmt.Errorf("%w: %s", ErrDuplicate, name)
			}
			seen[folded] = true
			if _, err := t.exec(`INSERT INTO participants (name, folded, team, mail, joined, seen, removed)
				VALUES (?, ?, ?, ?, 0, 0, 0) ON CONFLICT (folded) DO UPDATE SET team = excluded.team, mail = excluded.mail`,
				name, folded, p.Group, p.Mail); err != nil {
				return err
			}
		}
		if _, err := t.exec("UPDATE room SET limited = 1"); err != nil {
			return err
		}
		return t.note("server", "read", "the roster", fmt.Sprintf("%d names", len(names)))
	})
}

// Join gives somebody a place: ErrCode, ErrName, ErrTaken, ErrRoster, ErrEnded.
func (s *Store) Join(ctx context.Context, code, name string) (p Participant, k Keys, err error) {
	err = s.change(ctx, func(t *tx) error {
		r, err := t.enter(code)
		if err != nil {
			return err
		}
		clean, folded, ok := cleanName(name)
		if !ok {
			return ErrName
		}
		now := s.now()
		p, err = scanParticipant(t.QueryRowContext(t.ctx, s.q(selectParticipant+" WHERE folded = ?"), folded))
		switch err = found(err); {
		case errors.Is(err, ErrNotFound) && r.Limited:
			return ErrRoster
		case errors.Is(err, ErrNotFound):
			p = Participant{Name: clean}
			if err := t.one(`INSERT INTO participants (name, folded, team, mail, joined, seen, removed)
				VALUES (?, ?, '', '', 0, 0, 0) RETURNING id`, []any{clean, folded}, &p.ID); err != nil {
				return err
			}
		case err != nil:
			return err
		case !p.Joined.IsZero() || !p.Removed.IsZero():
			return ErrTaken
		}
		p.Joined, p.Seen = now, now
		k = newKeys()
		if _, err := t.exec("UPDATE participants SET token = ?, recovery = ?, joined = ?, seen = ? WHERE id = ?",
			hash(k.Token), hash(typed(k.Recovery)), micros(now), micros(now), p.ID); err != nil {
			return err
		}
		return t.note(who(p.ID), "joined", p.Name, "")
	})
	return p, k, err
}

// Rejoin gives somebody their place back, with a new token; that of the lost machine is worth nothing any more. The
// recovery code stays. ErrCode stands for a wrong room as for a wrong recovery code. Also a room that has ended lets
// those who were in it come back, to see what they have got.
func (s *Store) Rejoin(ctx context.Context, code, recovery string) (p Participant, k Keys, err error) {
	err = s.change(ctx, func(t *tx) error {
		if _, err := t.enter(code); err != nil && !errors.Is(err, ErrEnded) {
			return err
		}
		p, err = scanParticipant(t.QueryRowContext(t.ctx, s.q(selectParticipant+" WHERE recovery = ? AND removed = 0"),
			hash(typed(recovery))))
		if err = found(err); errors.Is(err, ErrNotFound) {
			return ErrCode
		} else if err != nil {
			return err
		}
		k = newKeys()
		k.Recovery = ""
		p.Seen = s.now()
		if _, err := t.exec("UPDATE participants SET token = ?, seen = ? WHERE id = ?", hash(k.Token), micros(p.Seen),
			p.ID); err != nil {
			return err
		}
		return t.note(who(p.ID), "came back", p.Name, "from another machine")
	})
	return p, k, err
}

// enter is the room, if the code is its own and it goes on.
func (t *tx) enter(code string) (Room, error) {
	r, err := t.room()
	switch {
	case err != nil:
		return r, err
	case !SameCode(code, r.Code):
		return r, ErrCode
	case !r.Ended.IsZero():
		return r, ErrEnded
	}
	return r, nil
}

func newKeys() Keys { return Keys{Token: secret(), Recovery: code(16)} }

// who is a participant in the audit log.
func who(id int64) string { return fmt.Sprintf("participant %d", id) }

// ByToken is whose token it is: ErrToken. That they were seen is noted at most every few seconds.
func (s *Store) ByToken(ctx context.Context, token string) (Participant, error) {
	p, err := scanParticipant(s.read.QueryRowContext(ctx, s.q(selectParticipant+" WHERE token = ? AND removed = 0"),
		hash(token)))
	if err = found(err); errors.Is(err, ErrNotFound) {
		return p, ErrToken
	} else if err != nil {
		return p, err
	}
	if now := s.now(); now.Sub(p.Seen) >= seenEvery {
		p.Seen = now
		_, err = s.write.ExecContext(ctx, s.q("UPDATE participants SET seen = ? WHERE id = ?"), micros(now), p.ID)
		if err != nil {
			return p, fmt.Errorf("write to the database: %w", err)
		}
	}
	return p, nil
}

// Participants are all, also those of the roster who are not here yet and those who were removed, by name.
func (s *Store) Participants(ctx context.Context) (all []Participant, err error) {
	err = s.all(ctx, selectParticipant+" ORDER BY folded", nil, func(row scanner) error {
		p, err := scanParticipant(row)
		all = append(all, p)
		return err
	})
	return all, err
}

// Remove ends somebody's part: their token is worth nothing, their submissions stay.
func (s *Store) Remove(ctx context.Context, participant int64) error {
	return s.change(ctx, func(t *tx) error {
		var name string
		if err := t.one("UPDATE participants SET removed = ?, token = NULL WHERE id = ? AND removed = 0 RETURNING name",
			[]any{micros(s.now()), participant}, &name); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE hands SET answered = ? WHERE participant = ? AND answered = 0", micros(s.now()),
			participant); err != nil {
			return err
		}
		return t.note("instructor", "removed", who(participant), name)
	})
}
