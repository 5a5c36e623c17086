package proc

// Ours reports whether the caller belongs to a variant.
func Ours(variant string) bool { return ours(variant) }
