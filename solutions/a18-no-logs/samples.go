package nologs

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Candidates are the service's own functions.
var Candidates = []string{
	"applyCoupon", "chargeCard", "countStock", "findProduct", "priceBasket", "rankProducts",
	"refundCard", "renderPage", "reserveStock", "resizeImage", "sendReceipt", "sendReceipts",
}

// Sample is what a profile says of one stack.
type Sample struct {
	Stack []string // functions, with their packages, the innermost first
	Value int64    // CPU: nanoseconds; heap: bytes in use; mutex: nanoseconds that others had to wait
}

// Samples reads a profile, which is gzipped protobuf.
func Samples(profile []byte) ([]Sample, error) {
	z, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	var p proto
	if err := fields(raw, p.field); err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	return p.samples(), nil
}

// proto is a profile: https://github.com/google/pprof/blob/main/proto/profile.proto.
type proto struct {
	text      []string
	stacks    [][]uint64          // locations
	values    []int64             // the last one of each sample
	locations map[uint64][]uint64 // functions, the innermost first
	functions map[uint64]uint64   // the index of its name
}

func (p *proto) field(number int, value uint64, data []byte) error {
	switch number {
	case 2: // sample
		var stack, values []uint64
		err := fields(data, func(number int, value uint64, data []byte) (err error) {
			switch number {
			case 1:
				stack, err = numbers(stack, value, data)
			case 2:
				values, err = numbers(values, value, data)
			}
			return err
		})
		if err != nil || len(values) == 0 {
			return err
		}
		p.stacks = append(p.stacks, stack)
		p.values = append(p.values, int64(values[len(values)-1]))
	case 4: // location
		var id uint64
		var in []uint64
		err := fields(data, func(number int, value uint64, data []byte) error {
			switch number {
			case 1:
				id = value
			case 4: // line
				return fields(data, func(number int, value uint64, _ []byte) error {
					if number == 1 {
						in = append(in, value)
					}
					return nil
				})
			}
			return nil
		})
		if p.locations == nil {
			p.locations = map[uint64][]uint64{}
		}
		p.locations[id] = in
		return err
	case 5: // function
		var id, name uint64
		err := fields(data, func(number int, value uint64, _ []byte) error {
			switch number {
			case 1:
				id = value
			case 2:
				name = value
			}
			return nil
		})
		if p.functions == nil {
			p.functions = map[uint64]uint64{}
		}
		p.functions[id] = name
		return err
	case 6:
		p.text = append(p.text, string(data))
	}
	return nil
}

func (p *proto) samples() (all []Sample) {
	for i, stack := range p.stacks {
		s := Sample{Value: p.values[i]}
		for _, location := range stack {
			for _, f := range p.locations[location] {
				if name := p.functions[f]; name < uint64(len(p.text)) {
					s.Stack = append(s.Stack, p.text[name])
				}
			}
		}
		all = append(all, s)
	}
	return all
}

var errShort = errors.New("it ends too soon")

// fields calls f with each field of a message: a number, or data.
func fields(message []byte, f func(number int, value uint64, data []byte) error) error {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return errShort
		}
		message = message[n:]
		var value uint64
		var data []byte
		switch key & 7 {
		case 0, 2:
			if value, n = binary.Uvarint(message); n <= 0 {
				return errShort
			}
			message = message[n:]
			if key&7 == 0 {
				break
			}
			if value > uint64(len(message)) {
				return errShort
			}
			data, message = message[:value], message[value:]
		default:
			return fmt.Errorf("a field of kind %d", key&7)
		}
		if err := f(int(key>>3), value, data); err != nil {
			return err
		}
	}
	return nil
}

// numbers appends one number, or those that are packed in data.
func numbers(to []uint64, value uint64, data []byte) ([]uint64, error) {
	if data == nil {
		return append(to, value), nil
	}
	for len(data) > 0 {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return to, errShort
		}
		to, data = append(to, v), data[n:]
	}
	return to, nil
}
