package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// Room is all that an instructor may know, without the submissions themselves.
func (c *Client) Room(ctx context.Context) (r wire.Room, err error) {
	return r, c.again(ctx, http.MethodGet, wire.RoomPath, nil, &r)
}

// ChangeRoom changes what holds for all.
func (c *Client) ChangeRoom(ctx context.Context, change wire.RoomChange) (r wire.Room, err error) {
	return r, c.again(ctx, http.MethodPatch, wire.RoomPath, change, &r)
}

// ChangeLab changes what holds for a lab.
func (c *Client) ChangeLab(ctx context.Context, lab string, change wire.LabChange) (r wire.Room, err error) {
	return r, c.again(ctx, http.MethodPatch, wire.LabPath+url.PathEscape(lab), change, &r)
}

// Say says something to all.
func (c *Client) Say(ctx context.Context, text string) error {
	return c.once(ctx, http.MethodPost, wire.MessagesPath, wire.Say{Text: text}, nil)
}

// Answered lowers a hand.
func (c *Client) Answered(ctx context.Context, hand int64) error {
	return c.once(ctx, http.MethodDelete, wire.HandsPath+strconv.FormatInt(hand, 10), nil, nil)
}

// Remove ends somebody's part.
func (c *Client) Remove(ctx context.Context, participant int64) error {
	return c.once(ctx, http.MethodDelete, wire.RemovePath+strconv.FormatInt(participant, 10), nil, nil)
}

// Override puts points in place of the grader's; nil takes them back.
func (c *Client) Override(ctx context.Context, submission int64, o *wire.Override) error {
	path := wire.OverridePath + strconv.FormatInt(submission, 10) + "/override"
	if o == nil {
		return c.once(ctx, http.MethodDelete, path, nil, nil)
	}
	return c.again(ctx, http.MethodPut, path, o, nil)
}

// Regrade begins to grade submissions again; nothing of it counts before it is applied.
func (c *Client) Regrade(ctx context.Context, r wire.Regrade) (s wire.RegradeState, err error) {
	return s, c.once(ctx, http.MethodPost, wire.RegradesPath, r, &s)
}

// RegradeOf is how far a regrade is, and what it would change.
func (c *Client) RegradeOf(ctx context.Context, id int64) (s wire.RegradeState, err error) {
	return s, c.again(ctx, http.MethodGet, wire.RegradesPath+"/"+strconv.FormatInt(id, 10), nil, &s)
}

// Decide applies a regrade, or drops it.
func (c *Client) Decide(ctx context.Context, id int64, apply bool) error {
	what := "/drop"
	if apply {
		what = "/apply"
	}
	return c.once(ctx, http.MethodPost, wire.RegradesPath+"/"+strconv.FormatInt(id, 10)+what, nil, nil)
}

// End ends the workshop.
func (c *Client) End(ctx context.Context) error {
	return c.once(ctx, http.MethodPost, wire.EndPath, nil, nil)
}

// Audit is the audit log, newest first.
func (c *Client) Audit(ctx context.Context) (all []wire.Entry, err error) {
	return all, c.again(ctx, http.MethodGet, wire.AuditPath, nil, &all)
}

// Standings is where everybody stands.
func (c *Client) Standings(ctx context.Context) (s wire.Standings, err error) {
	return s, c.again(ctx, http.MethodGet, wire.StandingsPath, nil, &s)
}

// Export writes the standings in a format: csv, json, gradescope, moodle or canvas.
func (c *Client) Export(ctx context.Context, format string, to io.Writer) error {
	return c.copy(ctx, wire.ExportPath+url.PathEscape(format), to)
}

// Archive writes the whole room as one file.
func (c *Client) Archive(ctx context.Context, to io.Writer) error {
	return c.copy(ctx, wire.ArchivePath, to)
}

func (c *Client) copy(ctx context.Context, path string, to io.Writer) error {
	resp, err := c.do(ctx, http.MethodGet, path, nil, "*/*")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(to, resp.Body); err != nil {
		return c.unreachable(err)
	}
	return nil
}
