//go:build !unix

package backends

// user is another user than this one; on this system there is none.
type user struct {
	uid, gid int
	name     string
}

func serverUser() (*user, error) { return nil, nil }

func (u *user) reaches(string) bool { return true }
