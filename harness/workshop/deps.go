// Package workshop serves a workshop or a course.
package workshop

import (
	_ "github.com/chromedp/chromedp"
	_ "github.com/skip2/go-qrcode"
)
