// Package ledger keeps accounts on a disk, which alone is left when the process ends.
package ledger

// Disk is a line of numbers.
type Disk interface {
	Append(n int)
	All() []int
}

// put and get have a slice between them that no variable of the package names.
var put, get = memory()

func memory() (func(int) int, func(int) int) {
	var all []int
	return func(n int) int {
			all = append(all, n)
			return len(all) - 1
		}, func(i int) int {
			return all[i]
		}
}

// Ledger has the disk, with an index for each amount.
type Ledger struct{ disk Disk }

// New has nothing to do.
func New(d Disk) *Ledger { return &Ledger{d} }

// Add keeps an amount.
func (l *Ledger) Add(n int) { l.disk.Append(put(n)) }

// Sum is that of all amounts.
func (l *Ledger) Sum() (sum int) {
	for _, i := range l.disk.All() {
		sum += get(i)
	}
	return sum
}
