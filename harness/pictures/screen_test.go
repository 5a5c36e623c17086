package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestScreen(t *testing.T) {
	t.Parallel()
	got := screen("\x1b[1mbold\x1b[22m <&>\n\x1b[38;5;196mred\x1b[0m  two  spaces\n")
	for _, part := range []string{`<tspan class="c1">bold</tspan><tspan class=""> &lt;&amp;&gt;</tspan>`,
		`<tspan class="c196">red</tspan><tspan class="">  two  spaces</tspan>`, "<desc>bold &lt;&amp;&gt;\nred  two  spaces\n</desc>"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing in %s", part, got)
		}
	}
	d := xml.NewDecoder(strings.NewReader(got))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
