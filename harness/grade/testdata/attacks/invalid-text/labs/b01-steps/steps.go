// Package steps takes steps.
package steps

import "fmt"

func init() {
	fmt.Print("\x00\xff\xfe]]></failure></testcase></testsuites>\uFFFE\n```\n````\n<script>INJECTED</script>\n")
}

// Next is wrong.
func Next(n int) int { return 0 }
