package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/fnv"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// live is a part of a page that changes: where its events come from, where it is to be fetched, and
// what it is now.
type live struct {
	Events, Part string
	Now          template.HTML
}

// livePart is the part of a page below a path.
func livePart(path string, now []byte) live {
	return live{path + "/live", path + "/part", template.HTML(now)} // html/template has made it
}

// render renders a part of a page, the first time that somebody asks for it, and packs it: a large
// room's matrix is the better part of a megabyte.
func (p *part) render(name string, value func() any) (*part, error) {
	p.once.Do(func() {
		if p.html, p.err = rendered(name, value()); p.err != nil {
			return
		}
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		_, _ = z.Write(p.html) // into memory
		_ = z.Close()
		p.packed = b.Bytes()
	})
	return p, p.err
}

// part answers with a part of a page that is the same for all who may see it.
func (v *visit) part(of func(*snapshot) (*part, error)) error {
	s := v.web.hub.last.Load()
	if s == nil {
		var err error
		if s, err = v.web.hub.fresh(v.Context()); err != nil {
			return err
		}
	}
	p, err := of(s)
	if err != nil {
		return err
	}
	v.Header().Set("Vary", "Accept-Encoding")
	if len(p.packed) > 0 && strings.Contains(v.Request.Header.Get("Accept-Encoding"), "gzip") {
		v.Header().Set("Content-Encoding", "gzip")
		return v.html(http.StatusOK, p.packed)
	}
	return v.html(http.StatusOK, p.html)
}

// liveRoom tells those who look at the room or the wall that there is something new. It says no
// more than that.
func (w *Web) liveRoom(v *visit) error {
	return w.streamed(v, func(s *stream) error {
		for {
			newer := s.newer()
			if !s.wait(newer) {
				return nil
			}
			if err := s.send("changed", fmt.Append(nil, w.hub.last.Load().number)); err != nil {
				return err
			}
		}
	})
}

// placesEvery is how often somebody is told that their place in the queue has changed and nothing
// else has: in a long queue everybody's place changes with every verdict.
const placesEvery = 3 * time.Second

// liveMe tells a participant that there is something new for them.
func (w *Web) liveMe(v *visit) error {
	return w.streamed(v, func(s *stream) error {
		var was, places uint64
		var told time.Time
		for known := false; ; {
			newer := s.newer()
			if now := w.hub.last.Load(); now != nil {
				key, place := now.keysOf(v.who.ID)
				switch {
				case !known:
					known, places = true, place
				case key != was || place != places && time.Since(told) >= placesEvery:
					if err := s.send("changed", fmt.Append(nil, now.number)); err != nil {
						return err
					}
					told, places = time.Now(), place
				}
				was = key
			}
			if !s.wait(newer) {
				return nil
			}
		}
	})
}

// keysOf are two numbers: the first differs when something has changed for somebody, the second
// when their place in the queue has.
func (s *snapshot) keysOf(who int64) (key, places uint64) {
	all, order := fnv.New64a(), fnv.New64a()
	fmt.Fprint(all, s.phase, s.room.Title, len(s.messages))
	for _, l := range s.labs {
		fmt.Fprint(all, s.settings[l.ID])
		if c := s.cells[place{who, l.ID}]; c != nil && c.report != nil {
			fmt.Fprint(all, c.report.Key)
		}
	}
	for _, sub := range s.of(who) {
		state := stateOf(sub)
		fmt.Fprint(all, sub.ID, sub.Epoch, state, sub.Override != nil)
		if sub.Override != nil {
			fmt.Fprint(all, *sub.Override)
		}
		if state == wire.Waiting {
			fmt.Fprint(order, sub.ID, sub.Place)
		}
	}
	return all.Sum64(), order.Sum64()
}
