package workspace

// DieAt lets the test die, by a panic, before the n-th thing that an update does to the disk; see [Died].
func DieAt(n int) (undo func()) {
	interrupted = func() {
		if n--; n < 0 {
			panic(Died{})
		}
	}
	return func() { interrupted = func() {} }
}

// Died is the panic of a test that has died.
type Died struct{}
