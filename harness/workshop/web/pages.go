package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/skip2/go-qrcode"

	"github.com/backend-labs/backend-labs/harness/page"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

const queuePath = "/river/"

const formBody = 4 << 20 // an upload, with what its form has besides

// pages are the routes for browsers.
func (w *Web) pages(page func(string, access, int64, func(*visit) error) route) []route {
	all := []route{
		page("GET /{$}", anybody, 0, w.pageJoin),
		page("POST /join", anybody, smallBody, w.formJoin),
		page("POST /rejoin", anybody, smallBody, w.formRejoin),
		page("GET /static/{name}", anybody, 0, w.static),
		page("GET /enter", anybody, 0, w.pageEnter),
		page("POST /enter", anybody, smallBody, w.formEnter),
		page("POST /leave", anybody, smallBody, w.formLeave),

		page("GET /qr.png", anybody, 0, w.qr),
		page("GET /wall", anybody, 0, w.pageWall),
		page("POST /wall", anybody, smallBody, w.formWall),
		page("GET /wall/part", visitor, 0, w.partWall),
		page("GET /wall/live", visitor, 0, w.liveRoom),

		page("GET /me", participant, 0, w.pageMe),
		page("GET /me/part", participant, 0, w.partMe),
		page("GET /me/live", participant, 0, w.liveMe),
		page("GET /me/labs/{lab}", participant, 0, w.pageMyLab),
		page("POST /me/submissions", participant, formBody, w.formSubmit),
		page("GET /me/submissions/{id}", participant, 0, w.pageMySubmission),
		page("GET /me/submissions/{id}/part", participant, 0, w.partMySubmission),
		page("POST /me/hands", participant, smallBody, w.formAsk),

		page("GET /room", instructor, 0, w.pageRoom),
		page("GET /room/part", instructor, 0, w.partRoom),
		page("GET /room/live", instructor, 0, w.liveRoom),
		page("POST /room", instructor, smallBody, w.formRoom),
		page("POST /room/messages", instructor, smallBody, w.formSay),
		page("POST /room/hands/{id}", instructor, smallBody, w.formAnswered),
		page("POST /room/end", instructor, smallBody, w.formEnd),
		page("GET /room/participants/{id}", instructor, 0, w.pageParticipant),
		page("POST /room/participants/{id}/remove", instructor, smallBody, w.formRemove),
		page("GET /room/submissions/{id}", instructor, 0, w.pageSubmission),
		page("POST /room/submissions/{id}/override", instructor, smallBody, w.formOverride),
		page("GET /room/labs/{lab}", instructor, 0, w.pageLab),
		page("POST /room/labs/{lab}", instructor, smallBody, w.formLab),
		page("POST /room/regrades", instructor, smallBody, w.formRegrade),
		page("GET /room/regrades/{id}", instructor, 0, w.pageRegrade),
		page("GET /room/regrades/{id}/part", instructor, 0, w.partRegrade),
		page("POST /room/regrades/{id}", instructor, smallBody, w.formRegradeDo),
		page("GET /room/audit", instructor, 0, w.pageAudit),
		page("GET /room/archive", instructor, 0, w.archive),
		page("GET /room/export/{format}", instructor, 0, w.export),
	}
	if w.Bundle != "" {
		all = append(all, page("GET /bundle", anybody, 0, w.bundle))
	}
	if w.Metrics != nil {
		all = append(all, route{"GET /metrics", instructor, true, 0, w.metrics})
	}
	if w.Queue != nil {
		all = append(all, page(queuePath, instructor, smallBody, func(v *visit) error {
			w.Queue.ServeHTTP(v, v.Request)
			return nil
		}))
	}
	return all
}

func (w *Web) bundle(v *visit) error {
	_ = http.NewResponseController(v.ResponseWriter).SetWriteDeadline(time.Now().Add(time.Hour))
	f, err := os.Open(w.Bundle)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	v.download(filepath.Base(w.Bundle), "application/octet-stream")
	http.ServeContent(v, v.Request, "", st.ModTime(), f)
	return nil
}

// qr is the room's URL as a QR code.
func (w *Web) qr(v *visit) error {
	if w.Base == "" {
		return room.ErrNotFound
	}
	data, err := qrcode.Encode(w.Base, qrcode.Medium, 320)
	if err != nil {
		return err
	}
	v.Header().Set("Content-Type", "image/png")
	_, _ = v.Write(data)
	return nil
}

func (w *Web) metrics(v *visit) error {
	promhttp.HandlerFor(w.Metrics, promhttp.HandlerOpts{}).ServeHTTP(v, v.Request)
	return nil
}

//go:embed templates static
var files embed.FS

// sheets and scripts are served under names that have a hash of what they are, so that browsers
// keep them.
var statics = map[string]static{}

type static struct {
	kind string
	data []byte
}

var (
	styleURL  = served("report.css", "text/css; charset=utf-8", page.Style)
	roomURL   = served("room.css", "text/css; charset=utf-8", must(files.ReadFile("static/room.css")))
	iconURL   = served("icon.svg", "image/svg+xml", must(files.ReadFile("static/icon.svg")))
	scriptURL = served("live.js", "text/javascript; charset=utf-8",
		must(files.ReadFile("static/live.js")))
)

func served(name, kind string, data []byte) string {
	sum := sha256.Sum256(data)
	head, ending, _ := strings.Cut(name, ".")
	name = head + "-" + hex.EncodeToString(sum[:6]) + "." + ending
	statics[name] = static{kind, data}
	return "/static/" + name
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

func (w *Web) static(v *visit) error {
	f, ok := statics[v.PathValue("name")]
	if !ok {
		return room.ErrNotFound
	}
	v.Header().Set("Content-Type", f.kind)
	v.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = v.Write(f.data)
	return nil
}

// templates are all pages, and the widgets of reports.
var templates = template.Must(template.Must(page.Widgets.Clone()).Funcs(template.FuncMap{
	"markdown": markdown, "plain": report.Plain, "plainLines": report.PlainLines,
	"styleURL": func() string { return styleURL },
	"roomURL":  func() string { return roomURL }, "iconURL": func() string { return iconURL },
	"scriptURL": func() string { return scriptURL },
	"clock":     clock, "stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"points": number,
	"local": func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(time.Local).Format("2006-01-02T15:04")
	},
	"span": func(d time.Duration) string { return d.Round(time.Second).String() },
}).ParseFS(files, "templates/*.html"))

// clock is a time as people in the room read it; with the day where it is another one.
func clock(t time.Time) string {
	t = t.In(time.Local)
	if now := time.Now(); t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("2 Jan 2006 15:04")
}

// sheet is what every page has.
type sheet struct {
	Title string // of the page
	Room  string // the room's title
	Nav   string // "room", "me" or ""
	Said  string // what has just been done
	Body  any
}

// show answers with a page.
func (v *visit) show(name string, s sheet) error { return v.showAs(http.StatusOK, name, s) }

func (v *visit) showAs(status int, name string, s sheet) error {
	if s.Room == "" {
		if r, err := v.web.Store.Room(v.Context()); err == nil {
			s.Room = r.Title
		}
	}
	s.Room, s.Title = report.Plain(s.Room), report.Plain(s.Title)
	data, err := rendered(name, s)
	if err != nil {
		return err
	}
	return v.html(status, data)
}

func (v *visit) html(status int, data []byte) error {
	v.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.WriteHeader(status)
	_, _ = v.Write(data)
	return nil
}

func rendered(name string, value any) ([]byte, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, value)
	return b.Bytes(), err
}

// failPage answers with what is wrong and what to do, as a page.
func (w *Web) failPage(v *visit, f *failure) {
	nav := map[access]string{participant: "me", instructor: "room"}[v.route.who]
	if f.status == http.StatusUnauthorized {
		nav = ""
	}
	if err := v.showAs(f.status, "fail.html", sheet{Title: "That did not work", Nav: nav,
		Body: f}); err != nil {
		http.Error(v, f.said.Text, f.status)
	}
}

// Said and Hint are for the page.
func (f *failure) Said() string { return f.said.Text }

// Hint is what to do about it.
func (f *failure) Hint() string { return f.said.Hint }

// In says where to be let in, where that is what is wrong.
func (f *failure) In() bool { return f.status == http.StatusUnauthorized }

// to sends a browser on after a form was taken, so that reloading does not send it again.
func (v *visit) to(path string) error {
	http.Redirect(v, v.Request, path, http.StatusSeeOther)
	return nil
}

// field is a field of the form.
func (v *visit) field(name string) string { return v.PostFormValue(name) }

// form reads the form within the bounds of the route.
func (v *visit) form() error {
	if err := v.ParseForm(); err != nil {
		return formError(err)
	}
	return nil
}
