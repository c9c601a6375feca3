package rehearsal

import "time"

// base62 is the alphabet of identifiers. Its order is that of the bytes, so identifiers sort by time.
const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const tailSpace = 62 * 62 * 62 * 62 * 62 * 62

// appendBase62 appends v in exactly n digits.
func appendBase62(b []byte, v uint64, n int) []byte {
	var digits [16]byte
	for i := n - 1; i >= 0; i-- {
		digits[i] = base62[v%62]
		v /= 62
	}
	return append(b, digits[:n]...)
}

// appendSuffix appends the creation time in seven digits and six more, which differ for any two numbers i of a kind.
func (a *Account) appendSuffix(b []byte, kind uint64, i, ms int64) []byte {
	b = appendBase62(b, uint64(ms), 7)
	// The factor has no divisor in common with 62, so this is a permutation; the product stays below 2^64.
	tail := (uint64(i)%tailSpace*180_144_491%tailSpace + a.hash(domAccount, int64(kind))) % tailSpace
	return appendBase62(b, tail, 6)
}

// appendChatID appends YYMM.account.suffix.
func (a *Account) appendChatID(b []byte, i, ms int64) []byte {
	date := time.UnixMilli(ms).UTC()
	b = append2(append2(b, date.Year()%100), int(date.Month()))
	b = append(b, '.')
	b = appendInt(b, a.Number)
	b = append(b, '.')
	return a.appendSuffix(b, 1, i, ms)
}

// appendSessionID appends YYMMDD.account.suffix.
func (a *Account) appendSessionID(b []byte, i, ms int64) []byte {
	date := time.UnixMilli(ms).UTC()
	b = append2(append2(append2(b, date.Year()%100), int(date.Month())), date.Day())
	b = append(b, '.')
	b = appendInt(b, a.Number)
	b = append(b, '.')
	b = a.appendSuffix(b, 2, i, ms)
	return appendBase62(b, a.hash(domAccount, 3)^uint64(i), 4)
}
