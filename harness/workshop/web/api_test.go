package web_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// TestAPI_aDay follows a participant and an instructor through what they do.
func TestAPI_aDay(t *testing.T) {
	t.Parallel()
	h := opened(t)
	var hello wire.Hello
	h.call("GET", wire.HelloPath, "", nil).into(t, &hello)
	if hello.Title != "Backends in a day" || hello.Version != wire.Version || len(hello.Labs) != 4 {
		t.Errorf("hello: %+v", hello)
	}
	ada := h.join("Ada  Lovelace")
	if ada.Name != "Ada Lovelace" || ada.Recovery == "" {
		t.Errorf("joined: %+v", ada)
	}
	if a := h.call("POST", wire.ReportsPath, ada.Token, wire.Reports{Reports: []wire.Report{
		{Key: "k1", Lab: "B10", Verdict: run.Failed, Points: 99,
			Failing: []string{"TestIdleTimeIsCapped", "TestNone"},
			Mutant:  "fixed-window"}, {Key: "k2", Lab: "A99",
			Verdict: run.Passed}}}); a.status != 204 {
		t.Errorf("reports: %d %s", a.status, a.body)
	}
	var me wire.Me
	h.call("GET", wire.MePath, ada.Token, nil).into(t, &me)
	if len(me.Labs) != 4 || len(me.Labs[2].Hints) != 0 || me.Labs[2].Answer != "" ||
		!me.Labs[2].Open {
		t.Errorf("me: %+v", me.Labs)
	}
	hints, answer := 2, true
	h.call("PATCH", wire.LabPath+"B10", h.secret, wire.LabChange{Hints: &hints, Answer: &answer})
	h.call("POST", wire.MessagesPath, h.secret, wire.Say{Text: "Lunch at noon"})
	h.call("GET", wire.MePath, ada.Token, nil).into(t, &me)
	if len(me.Labs[2].Hints) != 2 || me.Labs[2].Answer == "" || len(me.Messages) != 1 {
		t.Errorf("me after the release: %d hints, %d messages", len(me.Labs[2].Hints),
			len(me.Messages))
	}
	sub := h.submit(ada.Token, "package tokenbucket")
	if again := h.submit(ada.Token, "package tokenbucket"); !again.Again || again.ID != sub.ID {
		t.Errorf("the same again: %+v", again)
	}
	h.grade(sub, "TestIdleTimeIsCapped")
	var standings wire.Standings
	h.call("GET", wire.StandingsPath, h.secret, nil).into(t, &standings)
	var at wire.Standing
	for _, row := range standings.Rows {
		if row.Lab == "B10" {
			at = row
		}
	}
	if at.Graded != run.Failed || at.Says != run.Failed || at.Points == nil ||
		*at.Points != float64(at.MaxPoints-2) {
		t.Errorf("standing: %+v", at)
	}
	h.call("POST", wire.AskPath, ada.Token, wire.Ask{Lab: "B10", Check: "TestIdleTimeIsCapped",
		Text: "Why?"})
	var r wire.Room
	h.call("GET", wire.RoomPath, h.secret, nil).into(t, &r)
	if len(r.Hands) != 1 || r.Hands[0].Name != "Ada Lovelace" || r.Hands[0].Check == "" ||
		len(r.Participants) != 1 {
		t.Errorf("room: %+v", r)
	}
	if a := h.call("DELETE", wire.HandsPath+"1", h.secret, nil); a.status != 204 {
		t.Errorf("answered: %d %s", a.status, a.body)
	}
	var over wire.Submission
	h.call("PUT", wire.OverridePath+"1/override", h.secret, wire.Override{Points: 3,
		Reason: "the clock was wrong"}).into(t, &over)
	if over.Points == nil || *over.Points != 3 || over.Override.Reason == "" {
		t.Errorf("override: %+v", over)
	}
	var back wire.Joined
	h.call("POST", wire.RejoinPath, "", wire.Rejoin{Code: h.code, Recovery: ada.Recovery}).into(t,
		&back)
	if back.ID != ada.ID || back.Token == ada.Token {
		t.Errorf("rejoined: %+v", back)
	}
	if a := h.call("GET", wire.MePath, ada.Token, nil); a.status != 401 {
		t.Errorf("the lost token: %d", a.status)
	}
	if a := h.call("POST", wire.EndPath, h.secret, nil); a.status != 204 {
		t.Errorf("end: %d %s", a.status, a.body)
	}
	if a := h.call("GET", wire.ArchivePath, h.secret, nil); a.status != 200 || a.body == "" {
		t.Errorf("archive: %d", a.status)
	}
}

// TestAPI_whatIsWrong: each refusal has its status, its code and a line.
func TestAPI_whatIsWrong(t *testing.T) {
	t.Parallel()
	h := opened(t)
	ada, closed := h.join("Ada"), false
	h.call("PATCH", wire.LabPath+"I04", h.secret, wire.LabChange{Open: &closed})
	files := map[string][]byte{"bucket.go": []byte("package x")}
	big := map[string][]byte{"bucket.go": make([]byte, 300<<10)}
	for name, c := range map[string]struct {
		method, path, key string
		body              any
		status            int
		code              string
	}{
		"a wrong code": {"POST", wire.JoinPath, "", wire.Join{Code: "AAAA-AA", Name: "Bob"},
			403, "code"},
		"a name twice": {"POST", wire.JoinPath, "", wire.Join{Code: h.code, Name: "ada"}, 409,
			"name_taken"},
		"no name": {"POST", wire.JoinPath, "", wire.Join{Code: h.code,
			Name: " \x1b[2J\u202e "}, 400, "bad_request"},
		"a long name": {"POST", wire.JoinPath, "", wire.Join{Code: h.code,
			Name: strings.Repeat("x", 10<<10)}, 400, "bad_request"},
		"a name of more than 80": {"POST", wire.JoinPath, "", wire.Join{Code: h.code,
			Name: strings.Repeat("x", 90)}, 400, "bad_request"},
		"a name with something that cannot be seen": {"POST", wire.JoinPath, "", wire.Join{Code: h.code,
			Name: "Ada\u200b"}, 400, "bad_request"},
		"a wrong recovery": {"POST", wire.RejoinPath, "", wire.Rejoin{Code: h.code,
			Recovery: "none"}, 401, "token"},
		"no token":        {"GET", wire.MePath, "", nil, 401, "token"},
		"another's token": {"GET", wire.RoomPath, ada.Token, nil, 403, "token"},
		"no such lab": {"POST", wire.SubmitPath, ada.Token, wire.Submit{Lab: "A01",
			Files: files}, 404, "not_found"},
		"a closed lab": {"POST", wire.SubmitPath, ada.Token, wire.Submit{Lab: "I04",
			Files: h.filesOf("I04")}, 409, "closed"},
		"other files": {"POST", wire.SubmitPath, ada.Token, wire.Submit{Lab: "B10",
			Files: map[string][]byte{"x.go": nil}}, 400, "rejected"},
		"a large file": {"POST", wire.SubmitPath, ada.Token, wire.Submit{Lab: "B10",
			Files: big}, 400, "rejected"},
		"a large body": {"POST", wire.AskPath, ada.Token, wire.Ask{Text: strings.Repeat("x",
			20<<10)}, 413, "too_large"},
		"no JSON":       {"POST", wire.AskPath, ada.Token, "text", 400, "bad_request"},
		"no submission": {"GET", wire.SubmitPath + "/99", ada.Token, nil, 404, "not_found"},
		"no number":     {"GET", wire.SubmitPath + "/x", ada.Token, nil, 404, "not_found"},
		"nothing to do": {"PATCH", wire.LabPath + "B10", h.secret, wire.LabChange{}, 400,
			"bad_request"},
		"too many hints": {"PATCH", wire.LabPath + "B10", h.secret, map[string]int{"hints": 99},
			400, "bad_request"},
		"no reason":      {"POST", wire.RegradesPath, h.secret, wire.Regrade{}, 400, "bad_request"},
		"no such path":   {"GET", "/api/v1/none", "", nil, 404, "not_found"},
		"no such format": {"GET", wire.ExportPath + "xls", h.secret, nil, 404, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			a := h.call(c.method, c.path, c.key, c.body)
			var said wire.Error
			a.into(t, &said)
			if a.status != c.status || said.Code != c.code || said.Text == "" ||
				strings.ContainsAny(said.Text, "\n\x1b") {
				t.Errorf("got %d %+v, want %d %s", a.status, said, c.status, c.code)
			}
		})
	}
}

// filesOf are files of a lab, all of them empty.
func (h *house) filesOf(id string) map[string][]byte {
	h.Helper()
	l, err := h.course.Named(id)
	must(h.T, err)
	files := map[string][]byte{}
	for _, name := range l.Files {
		files[name] = []byte("package x")
	}
	return files
}

// TestAPI_otherVersions: a client of another time is told which side to update.
func TestAPI_otherVersions(t *testing.T) {
	t.Parallel()
	h := opened(t)
	for version, word := range map[string]string{"2": "newer", "0": "older"} {
		a := h.send(nil, "GET", wire.HelloPath, "",
			func(r *http.Request) { r.Header.Set(wire.Header, version) })
		var said wire.Error
		a.into(t, &said)
		if a.status != http.StatusUpgradeRequired || said.Code != "version" ||
			!strings.Contains(said.Text, word) {
			t.Errorf("version %s: %d %+v", version, a.status, said)
		}
	}
}

// TestAPI_limit: who hands in too often is told when to come again.
func TestAPI_limit(t *testing.T) {
	t.Parallel()
	h := opened(t)
	ada, one := h.join("Ada"), 1
	h.call("PATCH", wire.LabPath+"B10", h.secret, wire.LabChange{PerHour: &one})
	h.submit(ada.Token, "package a")
	a := h.call("POST", wire.SubmitPath, ada.Token, wire.Submit{Lab: "B10",
		Files: map[string][]byte{"bucket.go": []byte("package b")}})
	var said wire.Error
	a.into(t, &said)
	if a.status != 429 || said.Code != "limit" || said.RetryAfter <= 0 ||
		a.header.Get("Retry-After") == "" {
		t.Errorf("got %d %+v %v", a.status, said, a.header)
	}
}

// TestAPI_guesses: whoever tries codes is stopped, and from then on not told whether one is right.
func TestAPI_guesses(t *testing.T) {
	t.Parallel()
	h := opened(t)
	stopped := false
	for range 60 {
		if a := h.call("POST", wire.JoinPath, "", wire.Join{Code: "AAAA-AA",
			Name: "Eve"}); a.status == 429 {
			stopped = true
			break
		}
	}
	if !stopped {
		t.Error("60 wrong codes were looked at")
	}
}

// TestAPI_stream: a submission's way is told until it is graded.
func TestAPI_stream(t *testing.T) {
	t.Parallel()
	h := opened(t)
	ada := h.join("Ada")
	sub := h.submit(ada.Token, "package tokenbucket")
	r, err := http.NewRequest("GET", h.server.URL+wire.SubmitPath+"/1", nil)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+ada.Token)
	r.Header.Set("Accept", "text/event-stream")
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Do(r)
	must(t, err)
	defer resp.Body.Close()
	var states []wire.State
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var got wire.Submission
		must(t, json.Unmarshal([]byte(data), &got))
		if states = append(states, got.State); len(states) == 1 {
			h.grade(sub)
		}
		if got.State == wire.Graded && (got.Result == nil || len(got.Result.Checks) == 0) {
			t.Error("graded without a result")
		}
	}
	if len(states) < 2 || states[len(states)-1] != wire.Graded {
		t.Errorf("states: %v", states)
	}
}
