package docs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// tabs are two tabs of a browser in which the same document is open.
type tabs struct {
	*service
	tl  *timeline.Timeline
	tag string // what both have read
}

// edit sends what a tab makes of the document, and draws it.
func (s *tabs) edit(tab, method, body string, headers ...string) answer {
	time.Sleep(time.Second)
	send := s.put
	if method == "PATCH" {
		send = s.patch
	}
	got := send("dish", body, headers...)
	s.tl.Point(tab, "%s%s: %d", method, map[bool]string{true: " If-Match"}[len(headers) > 0],
		got.status)
	if got.ok() {
		s.tl.Holds("dish", "%s, %s", s.own("dish", "title"), s.own("dish", "price"))
	}
	return got
}

// Each way begins with Tea for 3 in both tabs; one makes Chai of it, and the other 4 of the 3.
var ways = []struct {
	name   string
	edits  func(s *tabs) []int
	status []int
	left   string
	why    string
}{
	{"PUT", func(s *tabs) []int {
		return []int{s.edit("tab 1", "PUT", `{"title":"Chai","price":3}`).status,
			s.edit("tab 2", "PUT", `{"title":"Tea","price":4}`).status}
	}, []int{204, 204}, `{"title":"Tea","price":4}`,
		"that is what PUT means: the second tab has sent a whole document, with the old title"},
	{"PUT with If-Match", func(s *tabs) []int {
		first := s.edit("tab 1", "PUT", `{"title":"Chai","price":3}`, "If-Match", s.tag).status
		second := s.edit("tab 2", "PUT", `{"title":"Tea","price":4}`, "If-Match", s.tag).status
		s.tag = s.get("dish").header.Get("ETag")
		return []int{first, second,
			s.edit("tab 2", "PUT", `{"title":"Chai","price":4}`, "If-Match", s.tag).status}
	}, []int{204, 412, 204}, `{"title":"Chai","price":4}`,
		"the second tab must learn that it has an old version, so that it can read again"},
	{"PATCH", func(s *tabs) []int {
		return []int{s.edit("tab 1", "PATCH", `{"title":"Chai"}`).status,
			s.edit("tab 2", "PATCH", `{"price":4}`).status}
	}, []int{204, 204}, `{"title":"Chai","price":4}`,
		"neither has said anything about the other's member"},
}

func TestTwoTabs(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := &tabs{service: open(0), tl: timeline.New("tab 1", "tab 2", "dish")}
		for _, way := range ways {
			s.begin(t, "dish", `{"title":"Tea","price":3}`)
			s.tag = s.get("dish").header.Get("ETag")
			s.tl.Holds("dish", "Tea, 3")
			got := way.edits(s)
			for i, status := range got {
				if status == 200 { // as good as 204
					got[i] = 204
				}
			}
			left := s.members("dish")
			fits := fmt.Sprint(got) == fmt.Sprint(way.status) && left == canonical(way.left)
			if !fits {
				s.tl.Point("dish", "%s", left).Breaks()
			}
			expect.That(t, fits, expect.Message{
				Did: `two tabs have read {"title":"Tea","price":3}; one makes it Chai, the other 4, ` +
					"both by " + way.name,
				Want: fmt.Sprintf("the statuses %v (204 or 200) and %s", way.status, way.left),
				Got:  fmt.Sprintf("%v and %s", got, left), Why: way.why, Picture: s.tl})
			time.Sleep(time.Minute)
		}
		expect.Show(t, "which edits are left: PUT, PUT with If-Match, PATCH", s.tl)
	})
}
