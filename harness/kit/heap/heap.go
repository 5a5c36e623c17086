// Package heap tells whether memory grows with use. It asks the collector, and not the code that is
// checked, which may keep more than it counts.
package heap

import "runtime"

// warm is how many rounds may still grow: maps, pools and buffers become as large as a round needs
// them, and keep that.
const warm = 3

// Rise makes something that is to be used, by fresh, and uses it in rounds: three for it to warm up,
// and then the given number of them. It collects garbage after each, and returns by how many bytes
// what is reachable has risen at most between the end of one round behind the warm-up and that of a
// later one. Where these are more than most, all is done once more, and the lower figure counts:
// what the process itself needs once, such as a buffer, may fall into the first.
func Rise(rounds int, most int64, fresh func() (round func(i int))) int64 {
	rise := once(rounds, fresh())
	if rise > most {
		rise = min(rise, once(rounds, fresh()))
	}
	return rise
}

func once(rounds int, round func(i int)) (most int64) {
	var lowest int64
	for i := range warm + rounds {
		round(i)
		now := live()
		if i < warm || now < lowest {
			lowest = now
		}
		most = max(most, now-lowest)
	}
	runtime.KeepAlive(round)
	return most
}

// live is how many bytes are reachable. Two collections are needed: the first one only moves what a
// sync.Pool has, and runs finalizers.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
