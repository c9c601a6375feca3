package deep

import (
	"math/big"
	"strconv"
	"strings"
)

// exactNumber spells a JSON number without rounding it, digits and a power of ten, so that 1e3, 1000 and 1000.0 are one
// spelling, and 2^53 and 2^53+1 are two.
func exactNumber(text string) string {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	shift := len(digits) - len(short) - len(fraction)
	if negative {
		short = "-" + short
	}
	if !scientific {
		return short + "e" + strconv.Itoa(shift)
	}
	power, ok := new(big.Int).SetString(strings.TrimPrefix(exponent, "+"), 10)
	if !ok {
		return text // no number; it is equal to itself alone
	}
	return short + "e" + power.Add(power, big.NewInt(int64(shift))).String()
}
