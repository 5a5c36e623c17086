package web_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/web"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// TestSnapshot_grows: a server that has followed the room from its beginning shows what one does that has just been
// started, whatever has happened in between.
func TestSnapshot_grows(t *testing.T) {
	t.Parallel()
	h := opened(t)
	var tokens []string
	for i := range 5 {
		tokens = append(tokens, h.join(fmt.Sprintf("Learner %d", i)).Token)
	}
	instructor := h.instructor()
	random := rand.New(rand.NewPCG(1, 2))
	var subs []wire.Submission
	ctx := t.Context()
	one := func() wire.Submission { return subs[random.IntN(len(subs))] }
	for step := range 120 {
		what := random.IntN(9)
		if len(subs) == 0 {
			what = 0
		}
		switch what {
		case 0, 1:
			subs = append(subs, h.submit(tokens[random.IntN(5)], fmt.Sprintf("package x // %d", step)))
		case 2:
			must(t, h.store.Begin(ctx, one().ID, 0))
		case 3:
			must(t, h.store.Return(ctx, one().ID, 0))
		case 4:
			sub := one()
			h.grade(sub, []string{"TestIdleTimeIsCapped", "none"}[random.IntN(2)])
		case 5:
			must(t, h.store.Override(ctx, one().ID, &room.Override{Points: step, Reason: "seen it"}))
		case 6:
			must(t, h.store.Override(ctx, one().ID, nil))
		case 7:
			h.call("POST", wire.ReportsPath, tokens[random.IntN(5)], map[string]any{"reports": []map[string]any{
				{"key": fmt.Sprint(step), "lab": "B10", "verdict": run.Failed, "points": step % 20}}})
		case 8:
			h.regraded(one(), step)
		}
		if step%4 == 0 {
			h.sameAsFresh(instructor, step)
		}
	}
	h.sameAsFresh(instructor, 120)
}

// regraded grades a submission once more and lets the verdict count, or drops it.
func (h *house) regraded(sub wire.Submission, step int) {
	h.Helper()
	epoch := 0
	g, err := h.store.Regrade(h.Context(), []int64{sub.ID}, "once more", func(_ context.Context, _ *sql.Tx, _ int64, e, _ int) error {
		epoch = e
		return nil
	})
	must(h.T, err)
	if step%3 == 0 {
		must(h.T, h.store.Drop(h.Context(), g.ID))
		return
	}
	_, err = h.store.Grade(h.Context(), room.Verdict{Submission: sub.ID, Epoch: epoch, Result: h.result(sub.Lab),
		Worker: "w", Started: time.Now().UTC(), Done: time.Now().UTC()})
	must(h.T, err)
	must(h.T, h.store.Apply(h.Context(), g.ID))
}

// sameAsFresh compares what the room's page says with that of a server that has just been started.
func (h *house) sameAsFresh(instructor http.CookieJar, step int) {
	h.Helper()
	w := web.New(web.Options{Store: h.store, Course: h.course, Version: "test"})
	fresh := *h
	fresh.server = httptest.NewServer(w)
	defer fresh.server.Close()
	defer w.Shutdown()
	jar := browser(h.T)
	fresh.post(jar, "/enter", url.Values{"secret": {h.secret}})
	h.get(instructor, "/room") // a page is up to date; a part is as new as the last page
	got, want := h.get(instructor, "/room/part").body, fresh.get(jar, "/room/part").body
	if at := strings.Index(got, "Who stands where"); at < 0 {
		h.Fatalf("step %d: no matrix: %.300s", step, got)
	}
	cut := func(page string) string {
		before, _, _ := strings.Cut(page, `<section aria-labelledby="line">`)
		return strings.TrimSpace(before)
	}
	if diff := udiff.Unified("new server", "this one", cut(want), cut(got)); diff != "" {
		h.Fatalf("step %d: the page differs from that of a server that has just been started\n%s", step, diff)
	}
}
