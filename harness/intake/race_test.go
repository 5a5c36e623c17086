//go:build race && unix

package intake_test

const raceEnabled = true
