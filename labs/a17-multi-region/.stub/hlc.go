// Package regions keeps one truth in several regions, each of which answers without asking the others.
package regions

import (
	"errors"
	"time"
)

var ErrSkew = errors.New("a timestamp is too far ahead")

// TS is when something was written, and where.
type TS struct {
	Wall    int64
	Logical uint32
	Region  string
}

func (a TS) Less(b TS) bool {
	return false // your code
}

// HLC is a hybrid logical clock.
type HLC struct {
	// Your fields.
}

func NewHLC(region string, now func() time.Time, maxAhead time.Duration) *HLC {
	return &HLC{}
}

func (c *HLC) Now() TS {
	return TS{} // your code
}

func (c *HLC) Observe(ts TS) error {
	return errors.New("your code")
}
