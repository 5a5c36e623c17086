// Package shop knows what things cost.
package shop

type failure struct{}

func (failure) Error() string { return "it is not to be had" }

var (
	ErrMissing error = failure{}
	ErrSoldOut error = failure{}
)

// Price has one error for all.
func Price(name string) (int, error) {
	if name == "bread" {
		return 3, nil
	}
	return 0, failure{}
}
