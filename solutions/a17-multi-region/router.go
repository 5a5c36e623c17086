package regions

import (
	"errors"
	"time"
)

var ErrNoRegion = errors.New("there is no region for this request")

// RegionState is what is known of a region at one moment, with rates in requests per second and a zone, eu or us.
type RegionState struct {
	Name                 string
	Healthy              bool
	CapacityRPS, LoadRPS float64
	Zone                 string
}

// Router decides to which region a request goes.
type Router struct {
	hold  time.Duration
	homes map[string]*home
}

// home is what is remembered of a region whose requests are routed.
type home struct {
	left  bool      // its requests go elsewhere
	since time.Time // since when its health has said otherwise; zero: it does not
}

func NewRouter(hold time.Duration) *Router {
	return &Router{hold: hold, homes: map[string]*home{}}
}

func (r *Router) Pick(name, residency string, regions []RegionState) (string, error) {
	h := r.homes[name]
	if h == nil {
		h = &home{}
		r.homes[name] = h
	}
	h.note(healthy(name, regions), r.hold)
	if !h.left {
		return name, nil
	}
	for _, s := range regions {
		lawful := residency != "eu" || s.Zone == "eu"
		if s.Name != name && s.Healthy && lawful && s.LoadRPS+1 <= s.CapacityRPS {
			return s.Name, nil
		}
	}
	return "", ErrNoRegion
}

// note leaves home, or comes back to it, when its health has said so for long enough. Coming back takes longer: it
// moves
// people once more, and may wait.
func (h *home) note(healthy bool, hold time.Duration) {
	if healthy != h.left { // nothing to do
		h.since = time.Time{}
		return
	}
	if h.since.IsZero() {
		h.since = time.Now()
	}
	if h.left {
		hold *= 5
	}
	if time.Since(h.since) >= hold {
		h.left, h.since = !h.left, time.Time{}
	}
}

func healthy(name string, regions []RegionState) bool {
	for _, s := range regions {
		if s.Name == name {
			return s.Healthy
		}
	}
	return false
}
