package ledger

// Disk is a line of numbers.
type Disk interface {
	Append(n int)
	All() []int
}

// Ledger has nothing that the disk has not.
type Ledger struct{ disk Disk }

// New has nothing to do.
func New(d Disk) *Ledger { return &Ledger{d} }

// Add has an amount on the disk.
func (l *Ledger) Add(n int) { l.disk.Append(n) }

// Sum reads the disk.
func (l *Ledger) Sum() (sum int) {
	for _, n := range l.disk.All() {
		sum += n
	}
	return sum
}
