//go:build !linux

package sandbox

// libraries are none: what is made here for Linux is made without cgo.
func libraries(string) []Bind { return nil }
