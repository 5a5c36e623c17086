package shapes

// Unit is given.
func Unit() int { return Square(1) }
