package timeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What a picture may have at most. A process that is judged may have been talked into anything, so
// whoever draws holds it to that.
const (
	MaxBytes = 64 << 10 // of its JSON

	maxSteps = 500
	maxLanes = 32
	maxText  = 200 // bytes of each text
)

// Decode reads a picture from its JSON and holds it to what a timeline can have recorded: whoever
// draws it needs to ask for nothing. It returns an error that says what is wrong.
func Decode(data []byte) (*Picture, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("a picture of %d bytes: at most %d", len(data), MaxBytes)
	}
	p := new(Picture)
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("a picture: %w", err)
	}
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("a picture: %w", err)
	}
	return p, nil
}

func (p *Picture) validate() error {
	switch {
	case len(p.Steps) == 0 || len(p.Steps) > maxSteps:
		return fmt.Errorf("%d steps: from 1 to %d", len(p.Steps), maxSteps)
	case len(p.Lanes) > maxLanes:
		return fmt.Errorf("%d lanes: at most %d", len(p.Lanes), maxLanes)
	case slices.ContainsFunc(p.Lanes, func(lane string) bool { return len(lane) > maxText }):
		return fmt.Errorf("a lane's name of over %d bytes", maxText)
	case p.Before < 0 || p.After < 0:
		return errors.New("less than no steps left out")
	}
	var last time.Duration
	for i, s := range p.Steps {
		if err := s.validate(len(p.Lanes), last); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		last = s.At
	}
	return nil
}

// validate looks at a step of a picture that has so many lanes, after another at that moment.
func (s Step) validate(lanes int, last time.Duration) error {
	switch {
	case !slices.Contains(kinds, s.Kind):
		return fmt.Errorf("an unknown kind %q", s.Kind)
	case s.At < last:
		return errors.New("before the one before it")
	case s.Lane < 0 || s.Lane >= lanes || s.Other < 0 || s.Other >= lanes:
		return errors.New("on a lane that is not there")
	case len(s.Text) > maxText:
		return fmt.Errorf("a text of over %d bytes", maxText)
	}
	return nil
}
