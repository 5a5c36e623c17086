package web_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// TestPages_canBeHeard: whoever hears the pages, or uses them by keyboard, finds their parts: one
// heading and one main part on each, a label at every control, a caption and scopes at every table,
// no id twice, nothing that the pages' policy forbids.
func TestPages_canBeHeard(t *testing.T) {
	t.Parallel()
	h := opened(t)
	people := h.filled(6)
	must(t, h.store.Raise(t.Context(), hand(people[0].ID, "Why?")))
	must(t, h.store.Say(t.Context(), "Hello"))
	h.grade(h.submit(people[0].Token, "package x"), "TestIdleTimeIsCapped")
	released, answer := 2, true
	h.call("PATCH", wire.LabPath+"B10", h.secret, wire.LabChange{Hints: &released, Answer: &answer})
	instructor, own := h.instructor(), h.at(people[0].Token)
	mine := h.get(own, "/me")
	_, at, _ := strings.Cut(mine.body, `href="/me/submissions/`)
	id, _, _ := strings.Cut(at, `"`)
	for path, jar := range map[string]http.CookieJar{"/": nil, "/enter": nil, "/wall": nil, "/none": nil, "/me": own,
		"/me/labs/B10": own, "/me/submissions/" + id: own, "/room": instructor, "/room/labs/B10": instructor,
		"/room/participants/1": instructor, "/room/submissions/" + id: instructor, "/room/audit": instructor} {
		doc, err := html.Parse(strings.NewReader(h.get(jar, path).body))
		must(t, err)
		heard := &hearing{labelled: map[string]bool{}, ids: map[string]int{}}
		heard.walk(doc, false)
		for _, wrong := range heard.wrong() {
			t.Errorf("%s: %s", path, wrong)
		}
	}
}

// hearing is what was found on a page.
type hearing struct {
	headings, mains int
	labelled        map[string]bool // ids that a label is for
	ids             map[string]int
	controls        []string // ids of controls that no label is round
	faults          []string
}

func (h *hearing) walk(n *html.Node, inLabel bool) {
	if n.Type == html.ElementNode {
		h.element(n, inLabel)
	}
	for c := range n.ChildNodes() {
		h.walk(c, inLabel || n.Data == "label")
	}
}

func (h *hearing) element(n *html.Node, inLabel bool) {
	has := map[string]string{}
	for _, a := range n.Attr {
		has[a.Key] = a.Val
	}
	if id := has["id"]; id != "" {
		h.ids[id]++
	}
	fault := func(is bool, text string) {
		if is {
			h.faults = append(h.faults, text)
		}
	}
	_, styled := has["style"]
	fault(styled, "a style within the page at "+n.Data)
	switch n.Data {
	case "h1":
		h.headings++
	case "main":
		h.mains++
	case "html":
		fault(has["lang"] == "", "no language")
	case "label":
		h.labelled[has["for"]] = true
	case "input", "select", "textarea":
		if !inLabel && has["type"] != "hidden" {
			h.controls = append(h.controls, has["id"])
		}
	case "th":
		fault(has["scope"] == "", "a heading of a table without a scope")
	case "table":
		fault(n.FirstChild == nil || !captioned(n), "a table without a caption")
	case "img":
		fault(has["alt"] == "", "a picture without words")
	case "script":
		fault(n.FirstChild != nil, "a script within the page")
	case "svg":
		fault(has["role"] != "img" && has["aria-hidden"] != "true", "a drawing that is not told what it is")
	}
}

func captioned(table *html.Node) bool {
	for c := range table.ChildNodes() {
		if c.Data == "caption" {
			return true
		}
	}
	return false
}

func (h *hearing) wrong() []string {
	out := h.faults
	if h.headings != 1 || h.mains != 1 {
		out = append(out, "not one heading and one main part")
	}
	for _, id := range h.controls {
		if !h.labelled[id] {
			out = append(out, "a control without a label: "+id)
		}
	}
	for id, n := range h.ids {
		if n > 1 {
			out = append(out, "an id twice: "+id)
		}
	}
	return out
}
