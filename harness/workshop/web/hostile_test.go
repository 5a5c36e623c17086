package web_test

import (
	"context"
	"encoding/csv"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// evil is what somebody may write where others read it: markup, an order that is turned round, a
// screen that is wiped.
const evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202egnp.exe\u2066\x1b[2J\x1b]0;t\a\"'{{.}}"

// TestHostile puts hostile texts wherever texts are taken: they are shown as text, on every page.
func TestHostile(t *testing.T) {
	t.Parallel()
	h := opened(t)
	eve := h.join(evil[:60])
	h.call("POST", wire.AskPath, eve.Token, wire.Ask{Lab: "B10", Text: evil})
	h.call("POST", wire.MessagesPath, h.secret, wire.Say{Text: evil})
	sub := h.submit(eve.Token, "package x // "+evil)
	h.submit(eve.Token, "package x\n// another "+evil)
	result := h.result("B10", "TestIdleTimeIsCapped")
	result.Checks[2].Output = strings.Repeat(evil+"\n", 1<<20/len(evil))
	result.Checks[2].Findings = []run.Finding{{Did: evil, Want: evil, Got: evil}}
	result.Checks[2].Message = evil
	must(t, grade(h, sub, result))
	h.call("PUT", wire.OverridePath+"1/override", h.secret, wire.Override{Points: 1, Reason: evil})
	instructor, own := h.instructor(), h.at(eve.Token)
	for path, jar := range map[string]*struct{ who string }{"/room": {"i"},
		"/room/participants/1": {"i"},
		"/room/submissions/1":  {"i"}, "/room/submissions/2": {"i"}, "/room/labs/B10": {"i"},
		"/room/audit": {"i"},
		"/wall":       {"i"}, "/me": {"e"}, "/me/submissions/1": {"e"}, "/me/labs/B10": {"e"}, "/": {"e"}} {
		who := instructor
		if jar.who == "e" {
			who = own
		}
		a := h.get(who, path)
		if a.status != 200 {
			t.Errorf("%s: %d", path, a.status)
		}
		for _, sign := range []string{"<script>", "<img", "onerror=alert(1)>\u202e", "\u202e",
			"\u2066", "\x1b", "\a"} {
			if strings.Contains(a.body, sign) {
				t.Errorf("%s has %q", path, sign)
			}
		}
		if len(a.body) > 1<<20 {
			t.Errorf("%s has %d bytes", path, len(a.body))
		}
	}
}

func grade(h *house, sub wire.Submission, r run.Result) error {
	_, err := h.store.Grade(context.Background(), room.Verdict{Submission: sub.ID, Result: r,
		Worker:  "w",
		Started: time.Now().UTC(), Done: time.Now().UTC()})
	return err
}

// TestWall_namesNobody: neither names nor numbers of people are on the wall, and who has not the
// code sees nothing.
func TestWall_namesNobody(t *testing.T) {
	t.Parallel()
	h := opened(t)
	people := h.filled(12)
	jar := browser(t)
	if a := h.get(jar, "/wall"); strings.Contains(a.body, "of 12 pass") {
		t.Error("without the code it shows the room")
	}
	if a := h.post(jar, "/wall", url.Values{"secret": {"AAAA-AA"}}); a.status != 403 {
		t.Errorf("a wrong code: %d", a.status)
	}
	if a := h.post(jar, "/wall", url.Values{"secret": {"k7qf2m"}}); a.status != 303 {
		t.Errorf("the code: %d %s", a.status, a.body)
	}
	a := h.get(jar, "/wall")
	if !strings.Contains(a.body, "of 12 pass") || !strings.Contains(a.body,
		"Where the room is stuck") {
		t.Errorf("the wall: %d %.2000s", a.status, a.body)
	}
	for _, who := range people {
		first, _, _ := strings.Cut(who.Name, " ")
		if strings.Contains(a.body, who.Name) || strings.Contains(a.body, first+" ") {
			t.Errorf("it names %s", who.Name)
		}
	}
	for _, sign := range []string{"/participants/", "/submissions/", "who-"} {
		if strings.Contains(a.body, sign) {
			t.Errorf("it has %s", sign)
		}
	}
}

// TestExport: every format has everybody, and no cell is a formula.
func TestExport(t *testing.T) {
	t.Parallel()
	h := opened(t)
	names := []string{`=HYPERLINK("http://evil.example","x")`, "+1", "-2+3", "@SUM(A1)", "Ada"}
	for _, name := range names {
		h.join(name)
	}
	sub := h.submit(h.join("Grace").Token, "package x")
	must(t, h.store.Roster(t.Context(), []room.Participant{{Name: "Bob", Mail: "=bob@example.org",
		Group: "@g"}}))
	h.grade(sub)
	for _, format := range []string{"csv", "moodle", "canvas"} {
		a := h.call("GET", wire.ExportPath+format, h.secret, nil)
		rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
		if err != nil || a.status != 200 || !strings.Contains(a.header.Get("Content-Disposition"),
			"attachment") {
			t.Fatalf("%s: %d %v", format, a.status, err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@") {
					t.Errorf("%s has the cell %q", format, cell)
				}
			}
		}
		for _, part := range []string{"Ada", "Bob", "Grace", "20"} {
			if !strings.Contains(a.body, part) {
				t.Errorf("%s has no %s", format, part)
			}
		}
	}
	for _, format := range []string{"json", "gradescope"} {
		var value any
		h.call("GET", wire.ExportPath+format, h.secret, nil).into(t, &value)
	}
}

// TestExport_removed: who was removed after handing in stays in the grade books, and is said to be removed; a name is
// there once, since it stays taken.
func TestExport_removed(t *testing.T) {
	t.Parallel()
	h := opened(t)
	ada, idle := h.join("Ada"), h.join("Idle")
	h.grade(h.submit(ada.Token, "package x"))
	h.join("Bob")
	for _, id := range []int64{ada.ID, idle.ID} {
		must(t, h.store.Remove(t.Context(), id))
	}
	if _, _, err := h.store.Join(t.Context(), h.code, "ada"); !errors.Is(err, room.ErrTaken) {
		t.Errorf("the name of who was removed: got %v, want %v", err, room.ErrTaken)
	}
	for format, wants := range map[string][]string{
		"csv":        {"\nAda,,,B10,passed,20,20,1,false,,,true\n", ",false\n"},
		"json":       {`"removed": true`},
		"gradescope": {`"removed": true`},
		"moodle":     {"\nAda,"},
		"canvas":     {"\nAda,"},
	} {
		a := h.call("GET", wire.ExportPath+format, h.secret, nil)
		for _, want := range append(wants, "Ada", "Bob", "20") {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s has no %q:\n%s", format, want, a.body)
			}
		}
		if strings.Contains(a.body, "Idle") {
			t.Errorf("%s has somebody who was removed with nothing handed in", format)
		}
	}
	if a := h.call("GET", wire.StandingsPath, h.secret, nil); strings.Contains(a.body, "Ada") {
		t.Error("who was removed stands in the room's own table")
	}
}
