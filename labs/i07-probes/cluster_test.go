package probes_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

const restarting = "the kubelet asks each pod every 10 s and restarts it after the third livez " +
	"in a row that is not 200"

// TestAnOutageOfTheDatabase is what the two probes are told apart for.
func TestAnOutageOfTheDatabase(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c, stop := run(t, 2*time.Second, false)
		defer stop()
		did := "ran three pods that share a database"
		time.Sleep(time.Minute + 250*time.Millisecond) // between two polls
		c.wants(t, did+" for a minute", "ready, ready, ready", "there is nothing wrong yet")

		c.db.is(errDown, 0, true)
		c.tl.Point("database", "down")
		did += ", which goes down for 5 minutes"
		time.Sleep(30 * time.Second)
		c.wants(t, did+"; 30 s later", "unready, unready, unready",
			"a request that is sent to a pod without a database is an error page")
		time.Sleep(5*time.Minute - 30*time.Second)
		c.wants(t, did+"; just before it is back", "unready, unready, unready",
			"a restart does not bring the database back. It empties the caches and closes the "+
				"connections, of all pods at once: when the database is back, all of them start "+
				"from nothing, and that is what takes it down again")

		c.db.is(nil, 0, true)
		c.tl.Point("database", "up again")
		time.Sleep(30 * time.Second)
		c.wants(t, did+"; 30 s after it is back", "ready, ready, ready",
			"an outage should be over when its cause is")
		c.mu.Lock()
		defer c.mu.Unlock()
		expect.Show(t, fmt.Sprintf("five minutes without a database: 0 restarts, %v without "+
			"a pod that takes requests", c.without), c.tl)
	})
}

// TestOneLoopHangs has a process that only a restart helps.
func TestOneLoopHangs(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c, stop := run(t, 2*time.Second, false)
		defer stop()
		time.Sleep(100*time.Second + 300*time.Millisecond)
		c.wants(t, "ran three pods for 100 s", "ready, ready, ready", "there is nothing wrong yet")

		c.mu.Lock()
		c.hung = c.pods[1]
		lastBeat := c.hung.process.lastBeat
		close(c.hung.process.hang)
		c.tl.Point("pod 2", "its main loop hangs")
		c.mu.Unlock()
		time.Sleep(2 * time.Minute)

		did := fmt.Sprintf("let the main loop of pod 2 hang, with a LiveWindow of %v", liveWindow)
		c.mu.Lock()
		restarts := c.hung.restarts
		c.mu.Unlock()
		got := "it was not restarted in two minutes"
		if len(restarts) > 0 {
			got = fmt.Sprintf("it was restarted %v after its last beat",
				restarts[0].Sub(lastBeat).Round(time.Millisecond))
		}
		after := func() time.Duration { return restarts[0].Sub(lastBeat) }
		expect.That(t, len(restarts) > 0 && after() > liveWindow && after() <= 2*liveWindow,
			expect.Message{
				Did:     did,
				Want:    "it is restarted after 30 to 60 s: three probes after the window is over",
				Got:     got,
				Why:     "a loop that hangs serves nobody, and stays so until somebody restarts it",
				Picture: c.tl,
			})
		c.wants(t, did+"; two minutes later", "ready, ready after 1 restart, ready",
			"the others are well, and the new process is, too")
	})
}

// TestASlowStart runs it with a startup probe and without.
func TestASlowStart(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, startupProbe := range []bool{false, true} {
			c, stop := run(t, 90*time.Second, startupProbe)
			did := "ran three pods that take 90 s to start, without a startup probe"
			if startupProbe {
				did = "ran three pods that take 90 s to start, with a startup probe"
			}
			time.Sleep(89 * time.Second)
			c.wants(t, did+"; after 89 s", "unready, unready, unready",
				"whoever is killed because it takes long to start never gets there")
			time.Sleep(31 * time.Second)
			c.wants(t, did+"; after 2 minutes", "ready, ready, ready",
				"it has started, and is there to work")
			time.Sleep(3 * time.Minute)
			c.wants(t, did+"; after 5 minutes", "ready, ready, ready",
				"it has started, and is there to work")
			stop()
		}
	})
}

// wants demands of each pod whether it gets requests and how often it was restarted.
func (c *cluster) wants(t *testing.T, did, want, why string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	restarts := 0
	for _, p := range c.pods {
		part := map[bool]string{true: "ready", false: "unready"}[p.routed]
		switch n := len(p.restarts); n {
		case 0:
		case 1:
			part += " after 1 restart"
		default:
			part += fmt.Sprintf(" after %d restarts", n)
		}
		restarts += len(p.restarts)
		parts = append(parts, part)
	}
	got := strings.Join(parts, ", ")
	sum := fmt.Sprintf("%s; in sum %d restarts, %v without a pod that takes requests", got,
		restarts, c.without)
	expect.That(t, c.void == 0, expect.Message{
		Did:     did,
		Want:    "no request is sent to a pod before it has called Started",
		Got:     fmt.Sprintf("%d were; %s", c.void, sum),
		Why:     "whoever is not warm answers with errors, or late",
		Picture: c.tl,
	})
	expect.That(t, got == want, expect.Message{
		Did: did + " (" + restarting + ")", Want: want, Got: sum, Why: why, Picture: c.tl,
	})
}
