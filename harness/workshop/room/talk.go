package room

import "context"

// Raise raises a hand; the last one of the same person is lowered.
func (s *Store) Raise(ctx context.Context, h Hand) error {
	return s.change(ctx, func(t *tx) error {
		now := micros(s.now())
		if _, err := t.exec("UPDATE hands SET answered = ? WHERE participant = ? AND answered = 0", now,
			h.Participant); err != nil {
			return err
		}
		_, err := t.exec("INSERT INTO hands (participant, lab, test, said, at, answered) VALUES (?, ?, ?, ?, ?, 0)",
			h.Participant, h.Lab, h.Check, h.Text, now)
		return err
	})
}

// Hands are those that are not answered, oldest first.
func (s *Store) Hands(ctx context.Context) (all []Hand, err error) {
	err = s.all(ctx, "SELECT id, participant, lab, test, said, at FROM hands WHERE answered = 0 ORDER BY id", nil,
		func(row scanner) error {
			var h Hand
			var at int64
			err := row.Scan(&h.ID, &h.Participant, &h.Lab, &h.Check, &h.Text, &at)
			h.At = moment(at)
			all = append(all, h)
			return err
		})
	return all, err
}

// Answered lowers a hand.
func (s *Store) Answered(ctx context.Context, hand int64) error {
	return s.change(ctx, func(t *tx) error {
		var participant int64
		if err := t.one("UPDATE hands SET answered = ? WHERE id = ? AND answered = 0 RETURNING participant",
			[]any{micros(s.now()), hand}, &participant); err != nil {
			return err
		}
		return t.note("instructor", "answered", who(participant), "")
	})
}

// Say says something to all.
func (s *Store) Say(ctx context.Context, text string) error {
	return s.change(ctx, func(t *tx) error {
		if _, err := t.exec("INSERT INTO messages (said, at) VALUES (?, ?)", text, micros(s.now())); err != nil {
			return err
		}
		return t.note("instructor", "said", "to all", text)
	})
}

// Messages are what was said, oldest first.
func (s *Store) Messages(ctx context.Context) (all []Message, err error) {
	err = s.all(ctx, "SELECT id, said, at FROM messages ORDER BY id", nil, func(row scanner) error {
		var m Message
		var at int64
		err := row.Scan(&m.ID, &m.Text, &at)
		m.At = moment(at)
		all = append(all, m)
		return err
	})
	return all, err
}
