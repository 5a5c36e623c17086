// Package names asks the libraries for the stack of whoever calls.
package names

import (
	"fmt"
	"log/slog"

	"golang.org/x/sync/singleflight"
)

type panics struct{}

func (panics) LogValue() slog.Value { panic("on purpose") }

// ByResolve has it in the value that stands for a panic.
func ByResolve() string { return slog.AnyValue(panics{}).Resolve().String() }

// ByDo has it in the value that a panic goes on with.
func ByDo() (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	new(singleflight.Group).Do("", func() (any, error) { panic("on purpose") })
	return ""
}
