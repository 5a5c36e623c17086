package web

import (
	"errors"
	"net/http"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// formError is what is wrong with a form that could not be read.
func formError(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return badRequest("the form could not be read: %v", err)
}

func (w *Web) pageJoin(v *visit) error {
	r, err := w.Store.Room(v.Context())
	if err != nil {
		return err
	}
	who, _ := w.Store.ByToken(v.Context(), v.cookie(tokenCookie))
	return v.show("join.html", sheet{Title: "Join", Room: r.Title, Body: struct {
		Room room.Room
		Who  room.Participant
		Base string
		TLS  bool
	}{r, who, w.Base, w.TLS}})
}

func (w *Web) formJoin(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	p, keys, err := w.join(v, v.field("code"), v.field("name"))
	if err != nil {
		return err
	}
	v.remember(tokenCookie, keys.Token)
	return v.show("joined.html", sheet{Title: "You are in", Nav: "me", Body: struct {
		Name,
		Recovery string
	}{p.Name, keys.Recovery}})
}

func (w *Web) formRejoin(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	_, keys, err := w.rejoin(v, v.field("code"), v.field("recovery"))
	if err != nil {
		return err
	}
	v.remember(tokenCookie, keys.Token)
	return v.to("/me")
}

// pageEnter takes the instructor's secret out of the link's fragment, which no browser sends
// anywhere, or from a form.
func (w *Web) pageEnter(v *visit) error { return v.show("enter.html", sheet{Title: "Instructor"}) }

func (w *Web) formEnter(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	if err := w.limits.guess(v); err != nil {
		return err
	}
	ok, err := w.Store.Instructor(v.Context(), v.field("secret"))
	if err != nil {
		return err
	}
	if !ok {
		w.limits.wrong(v)
		return fail(http.StatusUnauthorized, "token",
			"that is not the instructor's secret of this room",
			"open the link that labs workshop has printed, or paste what stands behind its #")
	}
	v.remember(secretCookie, v.field("secret"))
	return v.to("/room")
}

// formLeave forgets who somebody is on this browser.
func (w *Web) formLeave(v *visit) error {
	for _, name := range []string{tokenCookie, secretCookie, wallCookie} {
		v.forget(name)
	}
	return v.to("/")
}

// pageWall is the view for the projector, or asks for the room's code.
func (w *Web) pageWall(v *visit) error {
	if w.mayLook(v) != nil {
		return v.show("code.html", sheet{Title: "The wall"})
	}
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	p, err := s.wall()
	if err != nil {
		return err
	}
	return v.show("wall.html", sheet{Title: "The wall", Room: s.room.Title, Body: struct {
		live
		Base string
	}{livePart("/wall", p.html), w.Base}})
}

func (w *Web) formWall(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	if err := w.limits.guess(v); err != nil {
		return err
	}
	r, err := w.Store.Room(v.Context())
	if err != nil {
		return err
	}
	if !room.SameCode(v.field("secret"), r.Code) {
		w.limits.wrong(v)
		return room.ErrCode
	}
	v.remember(wallCookie, r.Code)
	return v.to("/wall")
}

func (w *Web) partWall(v *visit) error { return v.part((*snapshot).wall) }
