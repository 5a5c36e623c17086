// Package zeroes sets to zero what others read.
package zeroes

import (
	"encoding/json"
	"slices"
)

// Element has a slice.
type Element struct{ B []byte }

// ByClear does it by the builtin.
func ByClear(all []Element) { clear(all) }

// ByDeleting does it by package slices.
func ByDeleting(all []Element) { slices.DeleteFunc(all, func(Element) bool { return true }) }

// ByDecoding does it by package reflect.
func ByDecoding(all []Element) { json.Unmarshal([]byte("[]"), (*[8]Element)(all)) }
