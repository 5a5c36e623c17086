package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// The cookies: a participant's token, the instructor's secret, and the room's code for the wall. A
// participant's page and an instructor's may be open in one browser.
const (
	tokenCookie  = "labs-token"
	secretCookie = "labs-secret"
	wallCookie   = "labs-wall"
)

// cookieName is a cookie's name; with TLS the browser itself sees to it that no other host has set
// it.
func (w *Web) cookieName(name string) string {
	if w.TLS {
		return "__Host-" + name
	}
	return name
}

// remember gives a browser a cookie until it is closed, or for thirty days.
func (v *visit) remember(name, value string) {
	http.SetCookie(v, &http.Cookie{Name: v.web.cookieName(name), Value: value, Path: "/",
		HttpOnly: true,
		Secure:   v.web.TLS, SameSite: http.SameSiteStrictMode,
		MaxAge: int((30 * 24 * time.Hour).Seconds())})
}

// forget takes a cookie back.
func (v *visit) forget(name string) {
	http.SetCookie(v, &http.Cookie{Name: v.web.cookieName(name), Path: "/", HttpOnly: true,
		Secure: v.web.TLS, SameSite: http.SameSiteStrictMode, MaxAge: -1})
}

func (v *visit) cookie(name string) string {
	c, err := v.Request.Cookie(v.web.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// key is what a request brings with it to be let in: for the API in a header, which no browser adds
// by itself, for pages in a cookie.
func (v *visit) key(cookie string) string {
	if !v.route.api {
		return v.cookie(cookie)
	}
	key, _ := strings.CutPrefix(v.Request.Header.Get("Authorization"), "Bearer ")
	return key
}

// authorise finds out who asks, and whether they may.
func (w *Web) authorise(v *visit) (err error) {
	switch v.route.who {
	case participant:
		if v.who, err = w.Store.ByToken(v.Context(), v.key(tokenCookie)); err == nil {
			err = w.limits.takePart(v.who.ID)
		}
	case instructor:
		err = w.mustInstruct(v)
	case visitor:
		err = w.mayLook(v)
	}
	if errors.Is(err, room.ErrToken) && !v.route.api {
		return notIn(v.route.who)
	}
	return err
}

func (w *Web) mustInstruct(v *visit) error {
	key := v.key(secretCookie)
	if key == "" {
		return room.ErrToken
	}
	ok, err := w.Store.Instructor(v.Context(), key)
	if err != nil {
		return err
	}
	if v.instructor = ok; ok {
		return nil
	}
	if v.route.api {
		if _, err := w.Store.ByToken(v.Context(), key); err == nil {
			return fail(http.StatusForbidden, "token", "that is the instructor's alone", "")
		}
		return fail(http.StatusUnauthorized, "token", "that is not the secret of this room's instructor",
			"take that of the link that labs workshop has printed, as --secret-file FILE or $LABS_ROOM_SECRET")
	}
	return room.ErrToken
}

// mayLook lets in who knows the room's code, takes part or is the instructor.
func (w *Web) mayLook(v *visit) error {
	r, err := w.Store.Room(v.Context())
	if err != nil {
		return err
	}
	if room.SameCode(v.cookie(wallCookie), r.Code) || w.mustInstruct(v) == nil {
		return nil
	}
	_, err = w.Store.ByToken(v.Context(), v.cookie(tokenCookie))
	return err
}

// notIn says to somebody at a browser what to do to be let in.
func notIn(who access) *failure {
	switch who {
	case instructor:
		return fail(http.StatusUnauthorized, "token", "this page is the instructor's",
			"open the instructor's link that labs workshop has printed")
	case visitor:
		return fail(http.StatusUnauthorized, "token", "this page is for the room",
			"enter the room's code at /wall")
	}
	return fail(http.StatusUnauthorized, "token", "you are not in the room on this browser",
		"join on the first page")
}

// version holds a client to the protocol that is spoken here.
func version(r *http.Request) *failure {
	said := r.Header.Get(wire.Header)
	n, err := strconv.Atoi(said)
	switch {
	case said == "":
		return nil
	case err != nil:
		return badRequest("the header %s is no number", wire.Header)
	case n > wire.Version:
		return fail(http.StatusUpgradeRequired, "version", "this labs is newer than the server's",
			"take the labs that the instructor has, or ask them to update the server")
	case n < wire.Version:
		return fail(http.StatusUpgradeRequired, "version", "this labs is older than the server's",
			"update labs to the server's version")
	}
	return nil
}
