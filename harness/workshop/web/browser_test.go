package web_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/backend-labs/backend-labs/harness/workshop/queue"
	"github.com/backend-labs/backend-labs/harness/workshop/web"
)

// chromium is a headless browser; the test is skipped where the machine has none. What its console
// says is collected.
func chromium(t *testing.T) (ctx context.Context, said *console) {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no chromium on this machine")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	within, done := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(done)
	all, done := chromedp.NewExecAllocator(within, options...)
	t.Cleanup(done)
	c := &console{}
	ctx, done = chromedp.NewContext(all, chromedp.WithListener(c.hear))
	t.Cleanup(done)
	return ctx, c
}

// console is what a browser's console has said.
type console struct {
	mu    sync.Mutex
	lines []string
}

func (c *console) hear(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		c.lines = append(c.lines, e.Entry.Text+" "+e.Entry.URL)
	case *runtime.EventExceptionThrown:
		c.lines = append(c.lines, e.ExceptionDetails.Text)
	}
}

// quiet fails a test for every line.
func (c *console) quiet(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.lines {
		t.Errorf("the console: %s", line)
	}
}

// got runs an action that has a value.
func got[T any](t *testing.T, ctx context.Context, a chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(ctx, a)
	must(t, err)
	return value
}

// dark sets which colours a page is asked for.
func dark(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

// outward serves the house at an address that browsers do not take for their own machine: they
// trust that one more.
func (h *house) outward() string {
	h.Helper()
	addrs, err := net.InterfaceAddrs()
	must(h.T, err)
	for _, a := range addrs {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.To4() == nil {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(ip.IP.String(), "0"))
		if err != nil {
			continue
		}
		s := web.Server(h.web)
		go s.Serve(l)
		h.Cleanup(func() { s.Close() })
		return "http://" + l.Addr().String()
	}
	return h.server.URL
}

// TestBrowser_aWorkshop: two people at browsers. One joins, raises a hand and hands in; the other
// sees it without reloading. The browser finds nothing that the pages' policy forbids.
func TestBrowser_aWorkshop(t *testing.T) {
	t.Parallel()
	h := opened(t)
	ctx, said := chromium(t)
	base := h.outward()
	file := filepath.Join(t.TempDir(), "bucket.go")
	must(t, os.WriteFile(file, []byte("package tokenbucket\n"), 0o644))
	must(t, chromedp.Do(ctx, chromedp.Navigate(base+"/")))
	room, other := chromedp.NewContext(ctx, chromedp.WithListener(said.hear),
		chromedp.WithNewBrowserContext())
	defer other()
	must(t, chromedp.Do(ctx, chromedp.Navigate(base+"/"),
		chromedp.SendKeys("#code", "k7qf2m"), chromedp.SendKeys("#name",
			"Grace <script>alert(1)</script>"), chromedp.Submit("#name"),
		chromedp.WaitVisible(".code")))
	if got(t, ctx, chromedp.Text(".code")) == "" {
		t.Error("no recovery code")
	}
	must(t, chromedp.Do(room, chromedp.Navigate(base+"/enter#"+h.secret),
		chromedp.WaitVisible("#who-1"),
		chromedp.WaitReady(`//*[@data-state and text()="live"]`)))
	if url := got(t, room, chromedp.Location()); strings.Contains(url, h.secret) {
		t.Errorf("the secret is in %s", url)
	}
	must(t, chromedp.Do(ctx, chromedp.Navigate(base+"/me"),
		chromedp.SetAttributeValue("#lab option[value=B10]", "selected", ""),
		chromedp.SetUploadFiles("#files", []string{file}), chromedp.Submit("#files"),
		chromedp.WaitVisible(`//*[contains(text(), "being graded") or contains(text(), "waits")]`)))
	must(t, chromedp.Do(room,
		chromedp.WaitVisible(`//table[contains(@class, "matrix")]//*[contains(text(), "in the queue")]`)))
	sub, err := h.store.Submission(t.Context(), 1)
	must(t, err)
	h.grade(wireOf(sub.ID, sub.Lab), "TestIdleTimeIsCapped")
	must(t, chromedp.Do(ctx,
		chromedp.WaitVisible(`//*[contains(@class, "badge") and text()="failed"]`)))
	must(t, chromedp.Do(room,
		chromedp.WaitVisible(`//table[contains(@class, "matrix")]//*[contains(text(), "✗")]`)))
	must(t, chromedp.Do(ctx, chromedp.Navigate(base+"/me"), chromedp.SendKeys("#text",
		"Why is it so?"), chromedp.Submit("#text"),
		chromedp.WaitVisible(".said")))
	must(t, chromedp.Do(room, chromedp.Click("#hand-1"), chromedp.WaitVisible(".said")))
	said.quiet(t)
}

// TestBrowser_queue: the queue's own pages work for the instructor, within the policy that they are
// served with.
func TestBrowser_queue(t *testing.T) {
	t.Parallel()
	h := opened(t, func(o *web.Options) {
		q, err := queue.New(t.Context(), o.Store)
		must(t, err)
		o.Enqueue = q.Enqueue
		o.Queue, err = q.UI(t.Context(), "/river")
		must(t, err)
	})
	h.submit(h.join("Ada").Token, "package tokenbucket")
	ctx, said := chromium(t)
	base := h.outward()
	must(t, chromedp.Do(ctx, chromedp.Navigate(base+"/enter#"+h.secret), chromedp.WaitVisible("#who-1"),
		chromedp.Navigate(base+"/river/jobs?state=available"),
		chromedp.WaitReady(`a[href$="/river/jobs/1"]`)))
	said.quiet(t)
}

// TestBrowser_looks makes pictures of the pages, for people to look at, in the folder that
// LABS_TEST_PICTURES names.
func TestBrowser_looks(t *testing.T) {
	to := os.Getenv("LABS_TEST_PICTURES")
	if to == "" {
		t.Skip("LABS_TEST_PICTURES names no folder for pictures")
	}
	h := opened(t, func(o *web.Options) { o.Base = "http://192.0.2.7:8080" })
	people := h.filled(30)
	must(t, h.store.Say(t.Context(), "Lunch is at noon.\nAfter it we look at B10 together."))
	for i, text := range []string{"Why is the bucket full at first?",
		"Does the clock stand still in checks?"} {
		a := h.call("POST", "/api/v1/hands", people[i].Token, map[string]string{"lab": "B10",
			"check": "TestIdleTimeIsCapped", "text": text})
		if a.status != http.StatusNoContent {
			t.Fatal(a)
		}
	}
	ctx, said := chromium(t)
	base := h.outward()
	must(t, chromedp.Do(ctx, chromedp.Navigate(base+"/enter#"+h.secret),
		chromedp.WaitVisible("#who-1"),
		chromedp.Navigate(base+"/"), chromedp.SendKeys("#code2", h.code),
		chromedp.SendKeys("#recovery", people[4].Recovery),
		chromedp.Submit("#recovery"), chromedp.WaitVisible("#hand-in")))
	for _, scheme := range []string{"light", "dark"} {
		for _, wide := range []int64{1400, 900, 400} {
			for name, path := range map[string]string{"room": "/room", "wall": "/wall",
				"me": "/me", "lab": "/room/labs/B10",
				"submission": "/room/submissions/3", "join": "/", "mylab": "/me/labs/B10"} {
				must(t, chromedp.Do(ctx, chromedp.EmulateViewport(wide, 900),
					dark(scheme), chromedp.Navigate(base+path)))
				data := got(t, ctx, chromedp.FullScreenshot(100))
				must(t, os.WriteFile(filepath.Join(to, name+"-"+scheme+"-"+strconv.FormatInt(wide,
					10)+".png"), data, 0o644))
				wider := got(t, ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("main *, header *")]
					.filter((e) =>
					e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && 
					!e.closest(".wide, pre, .unseen"))
					.slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join(" | ")`))
				if wider != "" {
					t.Errorf("%s at %d is wider than the window: %s", name, wide, wider)
				}
			}
		}
	}
	said.quiet(t)
}
