//go:build !linux

package lockstep

func ownCore(int) {}
