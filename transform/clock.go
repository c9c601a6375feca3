package transform

// calendar reads dates and times of day. The times of a record are mostly of one day, so it remembers the last one.
type calendar struct {
	month    uint64 // yyyy-mm- and
	day      uint16 // dd, as they are written
	midnight int64  // microseconds since 1970, UTC
}

// civil reads yyyy-mm-dd?hh:mm:ss as microseconds since 1970, UTC.
func (c *calendar) civil(s []byte, frac int64) (int64, bool) {
	month, day := load(s, 0), uint16(s[8])|uint16(s[9])<<8
	if month != c.month || day != c.day || day == 0 {
		midnight, ok := midnightOf(s)
		if !ok {
			return 0, false
		}
		c.month, c.day, c.midnight = month, day, midnight
	}
	seconds, ok := clock(load(s, 11))
	return c.midnight + seconds*1e6 + frac, ok
}

// clock reads the eight bytes hh:mm:ss as seconds.
func clock(w uint64) (seconds int64, ok bool) {
	const (
		form  = 0x30303A30303A3030 // 00:00:00, its first byte the lowest
		above = 0x767A7F767A7F767D // what takes the largest digit of each place to 0x7F, 29:59:59
	)
	w ^= form
	if (w|(w+above))&tops != 0 {
		return 0, false
	}
	hour := w&0xF*10 + w>>8&0xF
	minute := w>>24&0xF*10 + w>>32&0xF
	second := w>>48&0xF*10 + w>>56
	return int64((hour*60+minute)*60 + second), hour < 24
}

// sixDigits reads the eight bytes .ffffffZ.
func sixDigits(w uint64) (frac int64, ok bool) {
	const (
		form  = 0x5A3030303030302E
		above = 0x7F7676767676767F
	)
	w ^= form
	if (w|(w+above))&tops != 0 {
		return 0, false
	}
	w = w << 8 // the eight digits 00ffffff
	w = w*10 + w>>8
	const pairs = 0x000000FF000000FF
	return int64(((w&pairs)*(100+1000000<<32) + (w>>16&pairs)*(1+10000<<32)) >> 32), true
}

// midnightOf reads yyyy-mm-dd as microseconds since 1970, UTC.
func midnightOf(s []byte) (int64, bool) {
	if s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year, ok1 := number(s[0:4])
	month, ok2 := number(s[5:7])
	day, ok3 := number(s[8:10])
	if !(ok1 && ok2 && ok3) || year < minYear || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return days(year, month, day) * 24 * 60 * 60 * 1e6, true
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// days counts the days from 1970-01-01 in the Gregorian calendar. The year is taken to begin in March, so that the leap
// day is its last.
func days(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	ofEra := year - era*400
	ofYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}

// number reads digits only.
func number(s []byte) (int64, bool) {
	v := int64(0)
	for _, c := range s {
		if c -= '0'; c > 9 {
			return 0, false
		}
		v = v*10 + int64(c)
	}
	return v, true
}
