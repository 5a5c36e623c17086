package workshop

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// RosterFault says what is wrong with a file of names.
type RosterFault struct{ Text string }

func (e *RosterFault) Error() string { return e.Text }

// Hint says what to do.
func (e *RosterFault) Hint() string {
	return "a roster is a CSV file whose first line names its columns: name, and if wanted email and group"
}

// Roster reads the names of those who may join, from a CSV file whose first line names the columns: name, email, group,
// in any order and letter case; others are passed over. The error is a *RosterFault where the file is not one.
func Roster(path string) (all []room.Participant, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &RosterFault{err.Error()}
	}
	defer f.Close()
	fault := func(format string, args ...any) error {
		return &RosterFault{path + ": " + fmt.Sprintf(format, args...)}
	}
	rows := csv.NewReader(f)
	rows.FieldsPerRecord, rows.TrimLeadingSpace = -1, true
	head, err := rows.Read()
	if err != nil {
		return nil, fault("no CSV: %v", err)
	}
	column := map[string]int{}
	for i, name := range head {
		column[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))] = i
	}
	if _, ok := column["name"]; !ok {
		return nil, fault("its first line has no column called name: %s", strings.Join(head, ", "))
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fault("%v", err)
		}
		field := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		line, _ := rows.FieldPos(0)
		if field("name") == "" {
			return nil, fault("line %d has no name", line)
		}
		all = append(all, room.Participant{Name: field("name"), Mail: field("email"), Group: field("group")})
	}
	if len(all) == 0 {
		return nil, fault("there are no names in it")
	}
	return all, nil
}
