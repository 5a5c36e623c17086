package term

import "github.com/fatih/color"

// Paint colours text for the streams they belong to, or leaves it as it is.
type Paint struct {
	Good, Bad, Warn, Strong, Faint, Accent, Underline func(a ...any) string
}

// Paint returns the colours of these streams.
func (s *Streams) Paint() Paint { return NewPaint(s.Colour) }

// The colours, of the 256 of xterm: each has a contrast of about 3 to 1 or more against white, against
// black and against the backgrounds of the themes that are used most, light and dark, which none of the
// first 16 is sure to have on all of them. Source: WCAG 2.2, 1.4.11, relative luminance.
const (
	green = 28  // #008700
	red   = 196 // #ff0000
	amber = 136 // #af8700
	blue  = 32  // #0087d7
)

// NewPaint returns colours that are on or off.
func NewPaint(on bool) Paint {
	style := func(attrs ...color.Attribute) func(...any) string {
		c := color.New(attrs...)
		if on {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
		return c.SprintFunc()
	}
	of := func(n color.Attribute) func(...any) string { return style(38, 5, n) } // ISO 8613-6
	return Paint{
		Good:      of(green),
		Bad:       of(red),
		Warn:      of(amber),
		Strong:    style(color.Bold),
		Faint:     style(color.Faint),
		Accent:    of(blue),
		Underline: style(color.Underline),
	}
}
