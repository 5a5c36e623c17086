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
	hold time.Duration
	// Your fields.
}

func NewRouter(hold time.Duration) *Router {
	return &Router{hold: hold}
}

func (r *Router) Pick(home, residency string, regions []RegionState) (string, error) {
	// What is here moves at once, and anywhere.
	for _, s := range regions {
		if s.Name == home && s.Healthy {
			return home, nil
		}
	}
	for _, s := range regions {
		if s.Healthy {
			return s.Name, nil
		}
	}
	return "", ErrNoRegion
}
