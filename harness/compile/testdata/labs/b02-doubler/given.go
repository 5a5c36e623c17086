package doubler

// Half is given, and no learner's file.
func Half(n int) int { return n / 2 }
