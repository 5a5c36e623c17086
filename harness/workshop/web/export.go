package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// exports are the formats of grades by name, with the ending of the file and its type.
var exports = map[string]struct {
	ending, kind string
	write        func(*snapshot) ([]byte, error)
}{
	"csv":        {"csv", "text/csv; charset=utf-8", (*snapshot).exportCSV},
	"json":       {"json", "application/json", (*snapshot).exportJSON},
	"gradescope": {"json", "application/json", (*snapshot).exportGradescope},
	"moodle":     {"csv", "text/csv; charset=utf-8", (*snapshot).exportMoodle},
	"canvas":     {"csv", "text/csv; charset=utf-8", (*snapshot).exportCanvas},
}

func (w *Web) export(v *visit) error {
	e, ok := exports[v.PathValue("format")]
	if !ok {
		return fail(http.StatusNotFound, "not_found", "there is no such format",
			"csv, json, gradescope, moodle or canvas")
	}
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	data, err := e.write(s)
	if err != nil {
		return err
	}
	v.download("grades-"+v.PathValue("format")+"."+e.ending, e.kind)
	_, _ = v.Write(data)
	return nil
}

// download makes an answer a file of that name.
func (v *visit) download(name, kind string) {
	v.Header().Set("Content-Type", kind)
	v.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

func (w *Web) archive(v *visit) error {
	_ = http.NewResponseController(v.ResponseWriter).SetWriteDeadline(time.Now().Add(time.Hour))
	v.download("workshop.labs", "application/octet-stream")
	if err := w.Store.Save(v.Context(), v); err != nil {
		w.Log.Error("save the room", "error", err.Error())
		panic(http.ErrAbortHandler) // what was sent is no archive: the client must not take it for one
	}
	return nil
}

// cellText makes a text safe to stand in a table that a spreadsheet opens: what would be a formula
// there is not one.
func cellText(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}

// table writes rows as CSV, every cell made safe.
func table(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = cellText(cell)
		}
		if err := c.Write(safe); err != nil {
			return nil, err
		}
	}
	c.Flush()
	return b.Bytes(), c.Error()
}

func number(points *float64) string {
	if points == nil {
		return ""
	}
	return strconv.FormatFloat(*points, 'f', -1, 64)
}

func (s *snapshot) exportCSV() ([]byte, error) {
	rows := [][]string{{"name", "email", "group", "lab", "verdict", "points", "max_points",
		"submissions", "late",
		"override_reason", "says", "removed"}}
	for _, p := range s.listed() {
		for _, l := range s.labs {
			st, c := s.standing(p, l), s.cells[place{p.ID, l.ID}]
			tries, late, reason := 0, "", ""
			if c != nil {
				tries = c.tries
			}
			if c != nil && c.best != nil {
				late = strconv.FormatBool(c.best.Late)
				if c.best.Override != nil {
					reason = c.best.Override.Reason
				}
			}
			rows = append(rows, []string{p.Name, p.Mail, p.Group, l.ID, string(st.Graded),
				number(st.Points),
				strconv.Itoa(st.MaxPoints), strconv.Itoa(tries), late, reason, string(st.Says),
				strconv.FormatBool(st.Removed)})
		}
	}
	return table(rows)
}

func (s *snapshot) exportJSON() ([]byte, error) {
	rows := []wire.Standing{}
	for _, p := range s.listed() {
		if !p.Joined.IsZero() {
			rows = append(rows, s.rowsOf(p)...)
		}
	}
	return lines(struct {
		Title string          `json:"title"`
		Rows  []wire.Standing `json:"rows"`
	}{s.room.Title, rows})
}

// exportGradescope has for each participant what Gradescope takes as the results of an autograder:
// a test for each lab. One without a number has none, rather than a 0.
func (s *snapshot) exportGradescope() ([]byte, error) {
	type test struct {
		Number   string   `json:"number"`
		Name     string   `json:"name"`
		Score    *float64 `json:"score,omitempty"`
		MaxScore int      `json:"max_score"`
		Output   string   `json:"output,omitempty"`
	}
	type results struct {
		Name    string `json:"name"`
		Mail    string `json:"email,omitempty"`
		Removed bool   `json:"removed,omitempty"`
		Tests   []test `json:"tests"`
	}
	all := []results{}
	for _, p := range s.listed() {
		r := results{Name: p.Name, Mail: p.Mail, Removed: !p.Removed.IsZero()}
		for _, l := range s.labs {
			st := s.standing(p, l)
			r.Tests = append(r.Tests, test{l.ID, l.Title, st.Points, st.MaxPoints, st.Graded.Words()})
		}
		all = append(all, r)
	}
	return lines(all)
}

// lines is a value as JSON for people, its last line ended like any other.
func lines(value any) ([]byte, error) {
	data, err := json.MarshalIndent(value, "", "  ")
	return append(data, '\n'), err
}

// exportMoodle is a table that Moodle's grade import takes: the address identifies the person.
func (s *snapshot) exportMoodle() ([]byte, error) {
	head := []string{"Full name", "Email address", "Group"}
	for _, l := range s.labs {
		head = append(head, l.ID+" "+l.Title)
	}
	rows := [][]string{head}
	for _, p := range s.listed() {
		rows = append(rows, append([]string{p.Name, p.Mail, p.Group}, s.pointsOf(p)...))
	}
	return table(rows)
}

// exportCanvas is a table that the gradebook of Canvas takes: a row with the possible points comes
// first.
func (s *snapshot) exportCanvas() ([]byte, error) {
	head := []string{"Student", "ID", "SIS User ID", "SIS Login ID", "Section"}
	most := []string{"    Points Possible", "", "", "", ""}
	for _, l := range s.labs {
		head = append(head, fmt.Sprintf("%s %s", l.ID, l.Title))
		most = append(most, strconv.Itoa(l.MaxPoints()))
	}
	rows := [][]string{head, most}
	for _, p := range s.listed() {
		rows = append(rows, append([]string{p.Name, "", "", p.Mail, p.Group}, s.pointsOf(p)...))
	}
	return table(rows)
}

// pointsOf are somebody's points in each lab; "" where there is no number.
func (s *snapshot) pointsOf(p room.Participant) (points []string) {
	for _, l := range s.labs {
		points = append(points, number(s.standing(p, l).Points))
	}
	return points
}

// listed are all who belong into a grade book: also those of the roster who have not come, and those
// who were removed after they had handed something in. No two have the same name: a name stays taken
// when somebody is removed, so that a grade book that knows people by their names has each once.
func (s *snapshot) listed() (all []room.Participant) {
	for _, p := range s.all {
		if p.Removed.IsZero() || len(s.mine[p.ID]) > 0 {
			all = append(all, p)
		}
	}
	return all
}
