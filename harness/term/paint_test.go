package term

import (
	"math"
	"testing"
)

type rgb [3]float64

// colour gives one of the 256 colours. Source: xterm, 256colres.pl: a cube of six steps for each.
func colour(n int) rgb {
	steps := [6]float64{0, 95, 135, 175, 215, 255}
	n -= 16
	return rgb{steps[n/36], steps[n/6%6], steps[n%6]}
}

// luminance and contrast are those of WCAG 2.2.
func luminance(c rgb) float64 {
	for i, v := range c {
		if v /= 255; v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
}

func contrast(a, b rgb) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestPaint_canBeReadOnAnyBackground holds the colours against the backgrounds that people have.
func TestPaint_canBeReadOnAnyBackground(t *testing.T) {
	t.Parallel()
	backgrounds := map[string]rgb{
		"white": {255, 255, 255}, "black": {0, 0, 0}, "solarized light": {253, 246, 227},
		"solarized dark": {0, 43, 54}, "dracula": {40, 42, 54}, "one dark": {40, 44, 52},
		"dark grey": {30, 30, 30},
	}
	for _, n := range []int{green, red, amber, blue} {
		for name, background := range backgrounds {
			if got := contrast(colour(n), background); got < 2.95 {
				t.Errorf("%d on %s: the contrast is %.2f", n, name, got)
			}
		}
	}
}
