package web

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// perPage is how many people a page lists.
const perPage = 200

// look is which people an instructor looks at.
type look struct {
	Who  string // in their names or groups, without regard to case; "": everybody
	Page int    // from 1
}

// lookOf is what a request asks for; what makes no sense is the first page of everybody.
func lookOf(v *visit) look {
	q := v.URL.Query()
	page, err := strconv.Atoi(q.Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	return look{strings.ToLower(strings.TrimSpace(q.Get("who"))), page}
}

// query is what asks for it again.
func (l look) query() string {
	q := url.Values{}
	if l.Who != "" {
		q.Set("who", l.Who)
	}
	if l.Page > 1 {
		q.Set("page", strconv.Itoa(l.Page))
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// found is what a look has found, and where there is more of it.
type found struct {
	look
	First, Last, Of int    // the people who are listed, counted from 1, and how many there are to list
	Before, After   string // queries, or ""
}

// Many reports whether there is something to choose from.
func (f found) Many() bool { return f.Of > perPage || f.Who != "" }

// find are the people of a look. A page behind the last is the last.
func (s *snapshot) find(l look) ([]room.Participant, found) {
	people := s.people
	if l.Who != "" {
		people = nil
		for _, p := range s.people {
			if strings.Contains(strings.ToLower(p.Name+"\n"+p.Group), l.Who) {
				people = append(people, p)
			}
		}
	}
	l.Page = min(l.Page, max(1, (len(people)+perPage-1)/perPage))
	from := (l.Page - 1) * perPage
	to := min(from+perPage, len(people))
	f := found{look: l, First: min(from+1, len(people)), Last: to, Of: len(people)}
	if from > 0 {
		f.Before = look{l.Who, l.Page - 1}.query()
		if f.Before == "" {
			f.Before = "?"
		}
	}
	if to < len(people) {
		f.After = look{l.Who, l.Page + 1}.query()
	}
	return people[from:to], f
}
