package web

import (
	"context"
	"strconv"
	"time"

	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// moment is a time that a form has given in the server's zone; absent where the field is not in the
// form, zero where it is empty.
func (v *visit) moment(name string) (*time.Time, error) {
	if _, given := v.PostForm[name]; !given {
		return nil, nil
	}
	text := v.field(name)
	if text == "" {
		return &time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04", text, time.Local)
	if err != nil {
		return nil, badRequest("%s: %q is no time like 2006-01-02T15:04", name, short(text))
	}
	return &t, nil
}

// count is a whole number that a form has given; absent where there is none.
func (v *visit) count(name string) (*int, error) {
	if v.field(name) == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(v.field(name))
	if err != nil {
		return nil, badRequest("%s: %q is no whole number", name, short(v.field(name)))
	}
	return &n, nil
}

// formed does what a form asks for, once it is read, and goes to a page that says so.
func (v *visit) formed(to string, do func(ctx context.Context) error) error {
	if err := v.form(); err != nil {
		return err
	}
	if err := do(v.Context()); err != nil {
		return err
	}
	return v.to(to)
}

// formedOf is [visit.formed] about what the path names.
func (v *visit) formedOf(to string, do func(ctx context.Context, id int64) error) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	return v.formed(to, func(ctx context.Context) error { return do(ctx, id) })
}

func (w *Web) formRoom(v *visit) error {
	return v.formed("/room?done=changed", func(ctx context.Context) error {
		opens, err := v.moment("opens")
		if err != nil {
			return err
		}
		closes, err := v.moment("closes")
		if err != nil {
			return err
		}
		title := v.field("title")
		return w.changeRoom(ctx, wire.RoomChange{Title: &title, Opens: opens, Closes: closes})
	})
}

func (w *Web) formSay(v *visit) error {
	return v.formed("/room?done=said", func(ctx context.Context) error {
		text, err := written(v.field("text"))
		if err != nil {
			return err
		}
		return w.Store.Say(ctx, text)
	})
}

func (w *Web) formAnswered(v *visit) error {
	return v.formedOf("/room?done=answered", w.Store.Answered)
}

func (w *Web) formRemove(v *visit) error { return v.formedOf("/room?done=removed", w.Store.Remove) }

func (w *Web) formEnd(v *visit) error {
	return v.formed("/room?done=ended", func(ctx context.Context) error {
		if v.field("sure") == "" {
			return badRequest("tick that you are sure: an ended workshop does not begin again")
		}
		return w.endRoom(ctx)
	})
}

func (w *Web) formLab(v *visit) error {
	id := v.PathValue("lab")
	l, err := w.lab(v.Context(), id)
	if err != nil {
		return err
	}
	return v.formed("/room/labs/"+l.ID+"?done=changed", func(ctx context.Context) error {
		c, err := v.labChange()
		if err != nil {
			return err
		}
		return w.changeLab(ctx, id, c)
	})
}

// labChange is what a lab's form asks for.
func (v *visit) labChange() (c wire.LabChange, err error) {
	open, answer := v.field("open") != "", v.field("answer") != ""
	c.Open, c.Answer = &open, &answer
	if c.Deadline, err = v.moment("deadline"); err != nil {
		return c, err
	}
	for name, to := range map[string]**int{"late_cost": &c.LateCost, "per_hour": &c.PerHour,
		"hints": &c.Hints} {
		if *to, err = v.count(name); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (w *Web) formOverride(v *visit) error {
	path := "/room/submissions/" + v.PathValue("id") + "?done=overridden"
	return v.formedOf(path, func(ctx context.Context, id int64) error {
		if v.field("back") != "" {
			return w.override(ctx, id, nil)
		}
		points, err := v.count("points")
		if err != nil {
			return err
		}
		if points == nil {
			return badRequest("how many points?")
		}
		return w.override(ctx, id, &wire.Override{Points: *points, Reason: v.field("reason")})
	})
}

func (w *Web) formRegrade(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	asked := wire.Regrade{Lab: v.field("lab"), Reason: v.field("reason"), All: v.field("all") != ""}
	for name, to := range map[string]*int64{"participant": &asked.Participant,
		"submission": &asked.Submission} {
		if text := v.field(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return badRequest("%s: %q is no number", name, short(text))
			}
			*to = n
		}
	}
	g, err := w.regrade(v.Context(), asked)
	if err != nil {
		return err
	}
	return v.to("/room/regrades/" + strconv.FormatInt(g.ID, 10))
}

func (w *Web) formRegradeDo(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	do, what := w.apply, "applied"
	if v.field("drop") != "" {
		do, what = w.Store.Drop, "dropped"
	}
	return v.formedOf("/room/regrades/"+v.PathValue("id")+"?done="+what, do)
}
