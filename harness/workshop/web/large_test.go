package web_test

import (
	"fmt"
	"net/url"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestRoom_large measures a course: 5,000 people with 100,000 submissions and 500,000 reports.
func TestRoom_large(t *testing.T) {
	if os.Getenv("LABS_TEST_ALL") == "" {
		t.Skip("it measures: LABS_TEST_ALL=1")
	}
	h := opened(t)
	ada := h.join("Ada")
	labs := []string{"B01", "B03", "B10", "I04"}
	now := time.Now().Add(-24 * time.Hour).UnixMicro()
	tx, err := h.store.DB().Begin()
	must(t, err)
	exec := func(query string, args ...any) {
		_, err := tx.Exec(query, args...)
		must(t, err)
	}
	for who := 2; who <= 5000; who++ {
		exec(`INSERT INTO participants (id, name, folded, team, mail, joined, seen, removed) VALUES (?, ?, ?, '', '', 1, 1, 0)`,
			who, fmt.Sprintf("Learner %d", who), fmt.Sprintf("learner %d", who))
		for i, lab := range labs {
			for n := range 25 {
				exec(`INSERT INTO reports VALUES (?, ?, ?, ?, 'failed', 10, 100, '["TestIdleTimeIsCapped"]', '', 0)`, who,
					fmt.Sprintf("%d-%d", i, n), lab, now+int64(who*1000+n))
			}
			for n := range 5 {
				sub := (who*4+i)*5 + n
				exec(`INSERT INTO submissions VALUES (?, ?, ?, ?, x'', ?, 0, ?, 0, 2, 0)`, sub, who, lab, fmt.Sprint(n),
					now+int64(sub), map[bool]int{true: 1}[n == 0])
				exec(`INSERT INTO verdicts VALUES (?, 0, 'failed', 10, 100, '["TestIdleTimeIsCapped"]', '', x'', 'w', 1, ?)`, sub,
					now+int64(sub))
			}
		}
	}
	must(t, tx.Commit())
	for name, read := range map[string]func() error{
		"submissions": func() error { _, err := h.store.SubmissionsSince(t.Context(), 0); return err },
		"reports":     func() error { _, err := h.store.ReportsSince(t.Context(), 0); return err },
		"events":      func() error { _, err := h.store.Timeline(t.Context(), time.Time{}, 50_000); return err },
	} {
		begun := time.Now()
		must(t, read())
		t.Logf("%s: %v", name, time.Since(begun))
	}
	instructor := h.instructor()
	for range 3 {
		h.submit(ada.Token, "package x // "+time.Now().String())
		begun := time.Now()
		a := h.get(h.at(ada.Token), "/me")
		t.Logf("a participant's page: %v, %d bytes", time.Since(begun), len(a.body))
		h.post(instructor, "/room/messages", url.Values{"text": {"hello"}})
		begun = time.Now()
		a = h.get(instructor, "/room")
		t.Logf("the room: %v, %d bytes, status %d", time.Since(begun), len(a.body), a.status)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("memory: %d MiB live, %d MiB in all", m.HeapAlloc>>20, m.Sys>>20)
}
