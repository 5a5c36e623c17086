package room

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// archiveHead is the first line of an archive.
type archiveHead struct {
	Format  string `json:"format"` // "labs-workshop"
	Version int    `json:"version"`
}

const (
	archiveFormat  = "labs-workshop"
	archiveVersion = 1
)

// archived are the tables of an archive, those first that others point to. Secrets are left out, and what would come
// back by itself.
var archived = []string{"room", "settings", "participants", "reports", "submissions", "verdicts", "overrides", "hands",
	"messages", "regrades", "regraded", "audit"}

// hidden are the columns that an archive does not have.
var hidden = []string{"token", "recovery"}

// numbered are the tables whose rows number themselves.
var numbered = []string{"participants", "submissions", "hands", "messages", "regrades", "audit"}

// archiveRow is a line of an archive: a row of a table.
type archiveRow struct {
	Table string         `json:"table"`
	Row   map[string]any `json:"row"`
}

// blob marks bytes in an archive.
const blob = "base64:"

// Save writes the whole room as one file, without secrets; Restore makes a room of it that can be looked at: ended, and
// with a new instructor's secret. The file is compressed lines of JSON.
func (s *Store) Save(ctx context.Context, w io.Writer) error {
	z := gzip.NewWriter(w)
	enc := json.NewEncoder(z)
	if err := enc.Encode(archiveHead{archiveFormat, archiveVersion}); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	for _, table := range archived {
		if err := s.saveTable(ctx, table, enc); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	return nil
}

func (s *Store) saveTable(ctx context.Context, table string, enc *json.Encoder) error {
	rows, err := s.read.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return fmt.Errorf("read the database: %w", err)
		}
		row := map[string]any{}
		for i, name := range columns {
			if slices.Contains(hidden, name) {
				continue
			}
			v := *values[i].(*any)
			if b, ok := v.([]byte); ok {
				v = blob + base64.StdEncoding.EncodeToString(b)
			}
			row[name] = v
		}
		if table == "room" && row["ended"] == int64(0) {
			row["ended"] = micros(s.now()) // what comes later is not in it
		}
		if err := enc.Encode(archiveRow{table, row}); err != nil {
			return fmt.Errorf("write the archive: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}

// Restore reads what Save wrote into an empty database: ErrNotEmpty, ErrArchive, and ErrNewer for an archive of a newer
// labs.
func (s *Store) Restore(ctx context.Context, r io.Reader) (instructor string, err error) {
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return "", ErrArchive
	}
	dec := json.NewDecoder(z)
	dec.UseNumber()
	var head archiveHead
	if err := dec.Decode(&head); err != nil || head.Format != archiveFormat {
		return "", ErrArchive
	}
	if head.Version > archiveVersion {
		return "", ErrNewer
	}
	instructor = secret()
	err = s.change(ctx, func(t *tx) error {
		if _, err := t.room(); !errors.Is(err, ErrNoRoom) {
			return errors.Join(err, ErrNotEmpty)
		}
		for {
			var row archiveRow
			if err := dec.Decode(&row); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return fmt.Errorf("%w: %w", ErrArchive, err)
			}
			if err := t.restore(row); err != nil {
				return err
			}
		}
		return t.finish(instructor)
	})
	return instructor, err
}

// restore puts a row back.
func (t *tx) restore(row archiveRow) error {
	if !slices.Contains(archived, row.Table) {
		return ErrArchive
	}
	var columns, marks []string
	var values []any
	for name, v := range row.Row {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return ErrArchive
		}
		switch x := v.(type) {
		case json.Number:
			n, err := x.Int64()
			if err != nil {
				return ErrArchive
			}
			v = n
		case string:
			if (name == "files" || name == "result") && strings.HasPrefix(x, blob) {
				data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(x, blob))
				if err != nil {
					return ErrArchive
				}
				v = data
			}
		}
		columns, marks, values = append(columns, name), append(marks, "?"), append(values, v)
	}
	if len(columns) == 0 {
		return ErrArchive
	}
	_, err := t.exec("INSERT INTO "+row.Table+" ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(marks, ", ")+")",
		values...)
	return err
}

// finish makes a room of the rows that are back: an ended one, of which an instructor has the secret.
func (t *tx) finish(instructor string) error {
	now := micros(t.s.now())
	if n, err := t.exec("UPDATE room SET ended = CASE WHEN ended = 0 THEN ? ELSE ended END", now); err != nil || n != 1 {
		return errors.Join(err, missing(n, ErrArchive))
	}
	if t.s.postgres { // rows that come now are numbered after these
		for _, table := range numbered {
			if _, err := t.ExecContext(t.ctx, "SELECT setval(pg_get_serial_sequence('"+table+"', 'id'), (SELECT COALESCE(MAX(id), 0) + 1 FROM "+
				table+"))"); err != nil {
				return fmt.Errorf("write to the database: %w", err)
			}
		}
	}
	_, err := t.exec("INSERT INTO secrets (hash, made) VALUES (?, ?)", hash(instructor), now)
	return err
}
