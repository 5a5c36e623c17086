package versions_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	versions "github.com/backend-labs/backend-labs/labs/a14-api-versions"
)

// exchange is one request of the recording, and the answer to it.
type exchange struct {
	method, path, body string
	status             int
	answer             string
}

// exchanges reads the recording: the request after ">", its body on the next line if there is one,
// and the answer after "<".
func exchanges() (all []exchange) {
	for line := range strings.Lines(recording) {
		line = strings.TrimSpace(line)
		switch last := len(all) - 1; {
		case line == "":
		case line[0] == '>':
			method, path, _ := strings.Cut(line[2:], " ")
			all = append(all, exchange{method: method, path: path})
		case line[0] == '<':
			fmt.Sscan(line[2:], &all[last].status)
			_, all[last].answer, _ = strings.Cut(line[2:], " ")
		default:
			all[last].body = line
		}
	}
	return all
}

func TestARecordedClient(t *testing.T) {
	h := versions.NewGateway(newCore(), all, versions.Changes(), nil, nobody)
	script := exchanges()
	for i, e := range script {
		got := send(h, e.method, e.path, e.body)
		if got.status == e.status && same(got.body, e.answer) {
			continue
		}
		expect.Fatal(t, expect.Message{
			Did: fmt.Sprintf("replayed request %d of %d of a client of January 2024: %s", i+1, len(script),
				request(e.method, e.path, e.body, "")),
			Want: "the answer that it got then",
			Got: "this client broke (- what it got then, + what it gets now):\n" +
				diff(fmt.Sprintf("%d\n%s", e.status, pretty(e.answer)),
					fmt.Sprintf("%d\n%s", got.status, pretty(got.body))),
			Why: "this is how one knows before the release, and not from the newspaper, that nobody breaks",
		})
	}
}

// pretty is JSON with a line for each member, in the order of their names.
func pretty(body string) string {
	v := value(body)
	if _, bad := v.(error); bad {
		return body
	}
	data, _ := json.MarshalIndent(v, "", "  ")
	return string(data)
}

// diff shows the lines in which two texts differ, at most twelve.
func diff(was, is string) string {
	a, b := strings.Split(was, "\n"), strings.Split(is, "\n")
	// common[i][j] is how many lines a[i:] and b[j:] have in common.
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i, x := range slices.Backward(a) {
		for j, y := range slices.Backward(b) {
			if x == y {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			lines, i = append(lines, "- "+a[i]), i+1
		default:
			lines, j = append(lines, "+ "+b[j]), j+1
		}
	}
	if len(lines) > 12 {
		lines = append(lines[:12], fmt.Sprintf("… and %d lines more", len(lines)-12))
	}
	return strings.Join(lines, "\n")
}
