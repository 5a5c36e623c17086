package compile

// RaceOf judges a toolchain on another platform than this one.
func RaceOf(t Toolchain, platform, enabled string) error { return t.race(platform, enabled) }
