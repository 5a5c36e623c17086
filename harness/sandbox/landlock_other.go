//go:build !linux

package sandbox

import "errors"

func newLandlock() (Sandbox, error) { return nil, errors.New("Landlock is a thing of Linux") }
