package account

// openDescriptors are not to be had.
func openDescriptors() map[int]string { return nil }
