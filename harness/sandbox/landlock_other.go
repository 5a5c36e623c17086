//go:build !linux

package sandbox

import "errors"

func newLandlock() (Sandbox, error) { return nil, errors.New("landlock is a thing of Linux") }
