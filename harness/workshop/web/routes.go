package web

import (
	"net/http"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// access is who may use a route.
type access int

const (
	anybody     access = iota
	visitor            // whoever knows the room's code, takes part or is the instructor
	participant        // somebody who takes part; for what is somebody's, that person alone
	instructor
)

// route is one line of the table.
type route struct {
	pattern string // as for [http.ServeMux]
	who     access
	api     bool // speaks JSON and is authorised by a header; otherwise it is a page and is authorised by a cookie
	body    int64
	serve   func(v *visit) error
}

// The most that a request may have in its body.
const (
	smallBody  = 16 << 10
	reportBody = 1 << 20
	filesBody  = 3 << 20 // files as base64 in JSON
)

// table is everything that is served, and to whom.
func (w *Web) table() []route {
	api := func(pattern string, who access, body int64, serve func(*visit) error) route {
		return route{pattern, who, true, body, serve}
	}
	page := func(pattern string, who access, body int64, serve func(*visit) error) route {
		return route{pattern, who, false, body, serve}
	}
	all := []route{
		api("GET "+wire.HelloPath, anybody, 0, w.apiHello),
		api("POST "+wire.JoinPath, anybody, smallBody, w.apiJoin),
		api("POST "+wire.RejoinPath, anybody, smallBody, w.apiRejoin),

		api("GET "+wire.MePath, participant, 0, w.apiMe),
		api("POST "+wire.ReportsPath, participant, reportBody, w.apiReports),
		api("POST "+wire.SubmitPath, participant, filesBody, w.apiSubmit),
		api("GET "+wire.SubmitPath, participant, 0, w.apiSubmissions),
		api("GET "+wire.SubmitPath+"/{id}", participant, 0, w.apiSubmission),
		api("POST "+wire.AskPath, participant, smallBody, w.apiAsk),

		api("GET "+wire.RoomPath, instructor, 0, w.apiRoom),
		api("PATCH "+wire.RoomPath, instructor, smallBody, w.apiChangeRoom),
		api("PATCH "+wire.LabPath+"{lab}", instructor, smallBody, w.apiChangeLab),
		api("POST "+wire.MessagesPath, instructor, smallBody, w.apiSay),
		api("DELETE "+wire.HandsPath+"{id}", instructor, 0, w.apiAnswered),
		api("DELETE "+wire.RemovePath+"{id}", instructor, 0, w.apiRemove),
		api("PUT "+wire.OverridePath+"{id}/override", instructor, smallBody, w.apiOverride),
		api("DELETE "+wire.OverridePath+"{id}/override", instructor, 0, w.apiOverrideBack),
		api("POST "+wire.RegradesPath, instructor, smallBody, w.apiRegrade),
		api("GET "+wire.RegradesPath+"/{id}", instructor, 0, w.apiRegradeOf),
		api("POST "+wire.RegradesPath+"/{id}/apply", instructor, 0, w.apiApply),
		api("POST "+wire.RegradesPath+"/{id}/drop", instructor, 0, w.apiDrop),
		api("POST "+wire.EndPath, instructor, 0, w.apiEnd),
		api("GET "+wire.ArchivePath, instructor, 0, w.archive),
		api("GET "+wire.ExportPath+"{format}", instructor, 0, w.export),
		api("GET "+wire.AuditPath, instructor, 0, w.apiAudit),
		api("GET "+wire.StandingsPath, instructor, 0, w.apiStandings),
	}
	all = append(all, w.pages(page)...)
	return all
}

// visit is one request to a route.
type visit struct {
	http.ResponseWriter
	*http.Request
	web        *Web
	route      route
	who        room.Participant // where a participant asks
	instructor bool
}

// Route is a line of the table of all that is served.
type Route struct {
	Pattern string // as for [http.ServeMux]
	Who     string // anybody, visitor (who knows the room's code), participant or instructor
	API     bool   // it is authorised by a header; otherwise by a cookie
}

// Routes are all routes, with who may use them.
func (w *Web) Routes() (all []Route) {
	names := map[access]string{anybody: "anybody", visitor: "visitor", participant: "participant",
		instructor: "instructor"}
	for _, r := range w.routes {
		all = append(all, Route{r.pattern, names[r.who], r.api})
	}
	return all
}

func (w *Web) mux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range w.routes {
		mux.Handle(r.pattern, w.served(r))
	}
	mux.Handle("/", w.served(route{pattern: "/", who: anybody,
		serve: func(*visit) error { return room.ErrNotFound }}))
	mux.Handle("/api/", w.served(route{pattern: "/api/", who: anybody, api: true,
		serve: func(*visit) error { return room.ErrNotFound }}))
	return mux
}

// served is a route with all that comes before and after it: the bounds, who asks, and what is
// wrong.
func (w *Web) served(r route) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		req.Body = http.MaxBytesReader(rw, req.Body, r.body)
		v := &visit{ResponseWriter: rw, Request: req, web: w, route: r}
		err := w.allowed(v)
		if err == nil {
			err = r.serve(v)
		}
		if err != nil && !gone(req, err) {
			w.fail(v, err)
		}
	})
}

// allowed is nil if a visit may go on.
func (w *Web) allowed(v *visit) error {
	if err := w.limits.ask(v); err != nil {
		return err
	}
	if v.route.api {
		if f := version(v.Request); f != nil {
			return f
		}
	}
	return w.authorise(v)
}
