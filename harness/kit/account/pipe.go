package account

import "sync"

// pipe is the way on which the report goes to the runner. One goroutine alone writes to it, on a
// thread of its own; see [ownTable].
type pipe struct {
	mu    sync.Mutex
	lines chan []byte
	done  chan struct{} // made here, outside of any bubble, so that a bubble may wait for it
}

// openPipe takes the descriptor over. private demands that no other thread can name it; without
// leaves that out.
func openPipe(fd uintptr, k Key, private, without bool) (*pipe, error) {
	p := &pipe{lines: make(chan []byte), done: make(chan struct{})}
	ready := make(chan error)
	go p.serve(fd, k, without, ready)
	apart := <-ready
	if apart == nil && !without {
		closeFD(fd) // for all the others
		return p, nil
	}
	closeOnExec(fd)
	if private && !without {
		return p, apart
	}
	return p, nil
}

// serve seals what it is given, and writes it.
func (p *pipe) serve(fd uintptr, k Key, shared bool, ready chan<- error) {
	var err error
	if !shared {
		err = ownTable()
	}
	ready <- err
	for n := uint64(0); ; n++ {
		writeFD(fd, k.Seal(n, <-p.lines))
		p.done <- struct{}{}
	}
}

// send has one line written, and returns when it is.
func (p *pipe) send(content []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines <- content
	<-p.done
}
