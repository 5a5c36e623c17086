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
	homes map[string]history
}

// history is when a home was last seen well and unwell, and whether it was left.
type history struct {
	well, unwell time.Time
	left         bool
}

func NewRouter(hold time.Duration) *Router {
	return &Router{hold, map[string]history{}}
}

func (r *Router) Pick(home, residency string, regions []RegionState) (string, error) {
	now := time.Now()
	h, ok := r.homes[home]
	if !ok {
		h = history{well: now, unwell: now}
	}
	best, room := "", 0.0
	isWell := false
	for _, s := range regions {
		if s.Name == home {
			isWell = s.Healthy
			continue
		}
		lawful := residency != "eu" || s.Zone == "eu"
		if free := s.CapacityRPS - s.LoadRPS; s.Healthy && lawful && free >= 1 && free > room {
			best, room = s.Name, free
		}
	}
	if isWell {
		h.well = now
		h.left = h.left && now.Sub(h.unwell) < 5*r.hold
	} else {
		h.unwell = now
		h.left = h.left || now.Sub(h.well) >= r.hold
	}
	r.homes[home] = h
	switch {
	case !h.left:
		return home, nil
	case best == "":
		return "", ErrNoRegion
	}
	return best, nil
}
