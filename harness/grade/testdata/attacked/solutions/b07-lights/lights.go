// Package lights knows when one may go.
package lights

// Light is what a light shows.
type Light int

const (
	Red Light = iota
	Green
)

// At is what the light shows: red for half a minute, green for the other.
func At(second int) Light { return Light(second / 30 % 2) }
