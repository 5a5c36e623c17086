package upload_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/fleet"
	upload "github.com/backend-labs/backend-labs/labs/i01-stateful-vs-stateless"
)

const fifthNode = "10.0.0.25:8080"

// uploads are the ids of many.
func uploads(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint("upload-", i))
	}
	return ids
}

func routes(ids, nodes []string) map[string]string {
	at := map[string]string{}
	for _, id := range ids {
		at[id] = upload.Route(id, nodes)
	}
	return at
}

func TestRouteDependsOnTheNodesAlone(t *testing.T) {
	nodes := append(slices.Clone(fourNodes), fifthNode)
	ids := uploads(60)
	want := routes(ids, nodes)
	for _, id := range ids {
		expect.That(t, slices.Contains(nodes, want[id]), expect.Message{
			Did:  fmt.Sprintf("asked for Route(%q, %q)", id, nodes),
			Want: "one of the nodes",
			Got:  fmt.Sprintf("%q", want[id]),
		})
	}
	for turn := range nodes {
		list := append(slices.Clone(nodes[turn:]), nodes[:turn]...)
		for range 2 {
			same(t, ids, want, list)
			slices.Reverse(list)
		}
	}
	one := upload.Route("upload-1", []string{"10.0.0.9:8080"})
	expect.That(t, one == "10.0.0.9:8080", expect.Message{
		Did: "asked for Route with a list of one node", Want: "that node", Got: fmt.Sprintf("%q", one),
	})
}

const whySame = "each balancer has its own list, in the order in which it has heard of the " +
	"nodes: if two do not agree, the chunks of one upload lie on two nodes"

// same demands the same answers for a list in another order, and that the list stays as it is.
func same(t *testing.T, ids []string, want map[string]string, list []string) {
	t.Helper()
	before := slices.Clone(list)
	for _, id := range ids {
		got := upload.Route(id, list)
		expect.That(t, got == want[id], expect.Message{
			Did:  fmt.Sprintf("asked for the Route of %s with the same nodes in another order", id),
			Want: want[id] + ", as before",
			Got:  fmt.Sprintf("%s, of %q", got, list),
			Why:  whySame,
		})
	}
	expect.That(t, slices.Equal(list, before), expect.Message{
		Did:  fmt.Sprintf("called Route with the list %q", before),
		Want: "the list stays as it is",
		Got:  fmt.Sprintf("it is %q", list),
		Why:  "the list is the balancer's, and others read it at the same time",
	})
}

func init() {
	fleet.Handle("balancer", func() (http.Handler, error) {
		return fleet.Reply(func(_ *http.Request, nodes []string) (map[string]string, error) {
			return routes(uploads(200), nodes), nil
		}), nil
	})
}

func TestRouteIsTheSameInEveryProcess(t *testing.T) {
	lists := [][]string{slices.Clone(fourNodes), slices.Clone(fourNodes)}
	slices.Reverse(lists[1])
	for i, process := range fleet.Start(t, "balancer", 2) {
		var got map[string]string
		err := process.Ask("/", lists[i], &got)
		expect.NoError(t, err, expect.Message{Did: "asked another process for the Route of 200 uploads",
			Want: "its answers"})
		want := routes(uploads(200), fourNodes)
		for _, id := range uploads(200) {
			expect.That(t, got[id] == want[id] && want[id] != "", expect.Message{
				Did:  fmt.Sprintf("asked two processes for the Route of %s, with the same four nodes", id),
				Want: "the same node, one of the four",
				Got:  fmt.Sprintf("%q in one, %q in the other", want[id], got[id]),
				Why: "there are several balancers, and each is restarted now and then: an answer that " +
					"is made up when the process starts is good for one of them",
			})
		}
	}
}

func TestOnlyTheNewNodesUploadsMove(t *testing.T) {
	ids := uploads(600)
	before := routes(ids, fourNodes)
	for place, node := range []string{"10.0.0.5:8080", fifthNode, "10.0.0.0:8080", fifthNode} {
		after := routes(ids, slices.Insert(slices.Clone(fourNodes), 4-place, node))
		moved, strays := 0, ""
		for _, id := range ids {
			if after[id] == before[id] {
				continue
			}
			moved++
			if after[id] != node {
				strays = fmt.Sprintf(", of them %s from %s to %s", id, before[id], after[id])
			}
		}
		expect.That(t, strays == "" && moved > 0, expect.Message{
			Did:  fmt.Sprintf("added %s to four nodes, for 600 uploads", node),
			Want: "some move, and only to the new node",
			Got:  fmt.Sprintf("%d moved%s", moved, strays),
			Why: "an upload that moves finds a node that does not know it, and starts over: to add a " +
				"node must not cost the uploads of the others",
		})
	}
}

func TestOnlyTheLostNodesUploadsMove(t *testing.T) {
	ids, nodes := uploads(300), append(slices.Clone(fourNodes), fifthNode)
	before := routes(ids, nodes)
	for i, gone := range nodes {
		after := routes(ids, slices.Delete(slices.Clone(nodes), i, i+1))
		moved, strays := 0, ""
		for _, id := range ids {
			switch {
			case before[id] == gone:
				moved++
			case after[id] != before[id]:
				strays = fmt.Sprintf("; but %s moved from %s to %s", id, before[id], after[id])
			}
		}
		expect.That(t, strays == "" && moved > 0, expect.Message{
			Did:  fmt.Sprintf("took %s out of five nodes, for 300 uploads", gone),
			Want: "those that were there move, and no others",
			Got:  fmt.Sprintf("%d were there%s", moved, strays),
			Why:  "the node that is gone has lost its uploads; the others have theirs, if they are asked",
		})
	}
}

func TestEveryNodeGetsItsShare(t *testing.T) {
	shares(t, fourNodes, fourNodes, 10, 40, "each gets 10 to 40 %")
	five := append(slices.Clone(fourNodes), fifthNode)
	shares(t, five, []string{fifthNode}, 5, 30, "the fifth takes over 5 to 30 %")
}

// shares demands that some of the nodes get their part of the uploads, in per cent.
func shares(t *testing.T, nodes, of []string, least, most int, want string) {
	t.Helper()
	const all = 2000
	n := map[string]int{}
	for _, node := range routes(uploads(all), nodes) {
		n[node]++
	}
	ok, got := true, []string{}
	for _, node := range nodes {
		got = append(got, fmt.Sprintf("%s %.1f %%", node, float64(n[node]*100)/all))
	}
	for _, node := range of {
		ok = ok && n[node]*100 >= least*all && n[node]*100 <= most*all
	}
	expect.That(t, ok, expect.Message{
		Did:  fmt.Sprintf("asked for the Route of %d uploads, with %d nodes", all, len(nodes)),
		Want: want,
		Got:  strings.Join(got, ", "),
		Why: "what a node holds in memory is its share of all uploads. The node with the largest one " +
			"falls first",
	})
}
