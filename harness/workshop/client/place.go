package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// Place is somebody's place in a room, as it is kept in their workspace.
type Place struct {
	URL      string `json:"url"`
	Title    string `json:"title"`
	Name     string `json:"name"`
	Token    string `json:"token"`
	Recovery string `json:"recovery,omitempty"`
	Heard    int64  `json:"heard,omitempty"` // the last message to all that was shown here

	dir string
}

// ErrNoPlace says that a workspace takes part in no workshop.
var ErrNoPlace = errors.New("this folder takes part in no workshop")

const placeFile = "workshop.json"

// Keep keeps a place in the .labs folder of a workspace, for its owner's eyes alone.
func (p Place) Keep(dir string) error {
	data, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keep the place in the workshop: %w", err)
	}
	return workspace.WriteSecretly(filepath.Join(dir, placeFile), append(data, '\n'))
}

// Kept is the place that is kept in a .labs folder, or ErrNoPlace.
func Kept(dir string) (*Place, error) {
	data, err := os.ReadFile(filepath.Join(dir, placeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoPlace
	}
	if err != nil {
		return nil, fmt.Errorf("read the place in the workshop: %w", err)
	}
	p := &Place{dir: dir}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("%s cannot be read (%w): join again with labs join, with --recover if you have the code",
			filepath.Join(dir, placeFile), err)
	}
	return p, nil
}

// Hear gives what the instructor has said to all since the last time, the oldest first.
func (p *Place) Hear(ctx context.Context) ([]wire.Message, error) {
	c, err := p.Client()
	if err != nil {
		return nil, err
	}
	me, err := c.Me(ctx)
	if err != nil {
		return nil, err
	}
	fresh := slices.DeleteFunc(me.Messages, func(m wire.Message) bool { return m.ID <= p.Heard })
	slices.SortFunc(fresh, func(a, b wire.Message) int { return cmp.Compare(a.ID, b.ID) })
	if len(fresh) == 0 {
		return nil, nil
	}
	p.Heard = fresh[len(fresh)-1].ID
	return fresh, p.Keep(p.dir)
}

// Client is one that speaks for whoever has the place.
func (p *Place) Client() (*Client, error) { return New(p.URL, p.Token) }

// maxSpooled is how many reports wait at most; of more the oldest go.
const maxSpooled = 500

// spooled is a report that waits to be sent.
type spooled struct {
	At     time.Time   `json:"at"` // by this machine's clock, which may be wrong: an age is made of it
	Report wire.Report `json:"report"`
}

// Note keeps a result to be sent with the next [Place.Send]. It takes no time to speak of.
func (p *Place) Note(r run.Result, now time.Time) error {
	report := wire.Report{Key: rand.Text(), Lab: r.Lab, Verdict: r.Verdict, Points: r.Points, MaxPoints: r.MaxPoints}
	for _, c := range r.Checks {
		if c.Verdict != run.Passed && c.Verdict != run.NotJudged {
			report.Failing = append(report.Failing, c.Test)
		}
	}
	if r.Likely != nil {
		report.Mutant = r.Likely.Mutant
	}
	data, err := json.Marshal(spooled{now, report})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.spool(), 0o755); err != nil {
		return fmt.Errorf("keep what is to be reported: %w", err)
	}
	name := fmt.Sprintf("%019d-%s.json", now.UnixNano(), report.Key)
	return workspace.WriteAtomically(filepath.Join(p.spool(), name), data)
}

func (p *Place) spool() string { return filepath.Join(p.dir, "reports") }

// waiting are the files of reports that are to be sent, oldest first.
func (p *Place) waiting() (files []string, err error) {
	entries, err := os.ReadDir(p.spool())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read what is to be reported: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") {
			files = append(files, filepath.Join(p.spool(), e.Name()))
		}
	}
	slices.Sort(files)
	for len(files) > maxSpooled {
		_ = os.Remove(files[0])
		files = files[1:]
	}
	return files, nil
}

// Waiting counts the reports that are still to be sent.
func (p *Place) Waiting() int {
	files, _ := p.waiting()
	return len(files)
}

// Send sends what waits. What the server has taken, or will never take, waits no longer. left is how many still wait.
func (p *Place) Send(ctx context.Context, now time.Time) (left int, err error) {
	files, err := p.waiting()
	if err != nil || len(files) == 0 {
		return len(files), err
	}
	var reports []wire.Report
	for _, file := range files {
		var s spooled
		data, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(data, &s) != nil {
			continue // a report that cannot be read goes with the others
		}
		s.Report.AgeMS = max(0, now.Sub(s.At).Milliseconds())
		reports = append(reports, s.Report)
	}
	c, err := p.Client()
	if err != nil {
		return len(files), err
	}
	err = c.Report(ctx, reports)
	if refused, ok := errors.AsType[*Refused](err); ok && refused.Said.RetryAfter > 0 || err != nil && !ok {
		return len(files), err
	}
	for _, file := range files {
		_ = os.Remove(file)
	}
	return 0, err
}
