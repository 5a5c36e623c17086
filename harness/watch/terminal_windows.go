package watch

// heed has nothing to listen to: the size is asked for at each drawing.
func (t *Terminal) heed() (stop func()) { return func() {} }

// Suspend does nothing: there is no such thing here.
func (t *Terminal) Suspend() {}
