package rehearsal

// returningRate is the share of chats of visitors who chatted before.
const returningRate = 0.35

// visitor is one person as the account knows them in the end. Visitors are numbered by their first chat.
type visitor struct {
	number   int64
	locale   *locale
	city     city
	first    person
	last     person
	known    bool // gave name and address at some time
	numeric  bool // was made by the API, and has a number for an id
	created  int64
	browser  int
	external bool
	tail     uint64 // bits for e-mail, telephone and the like
}

// visitorOf returns the number of the visitor of chat i: that of the first chat of this visitor, i if it is new.
func (a *Account) visitorOf(i int64) int64 {
	for i > 0 && a.share(domReturning, i, returningRate) {
		back := min(i, 20_000)
		h := a.hash(domVisitor, i)
		x := float64(h>>11) / (1 << 53)
		i -= 1 + int64(x*x*float64(back-1)) // the more recent, the likelier
	}
	return i
}

// visitor fills v from its number and the time of its first chat.
func (a *Account) visitor(v *visitor, number, firstChat int64) {
	r := a.rng(domSnapshot, number)
	*v = visitor{number: number, locale: &a.locales[r.weighted(a.localeSums)]}
	l := v.locale
	v.city = l.cities[r.intn(len(l.cities))]
	v.first, v.last = l.first[r.intn(len(l.first))], l.last[r.intn(len(l.last))]
	v.known = r.chance(0.62)
	v.browser = r.weighted(a.browserSums)
	v.external = r.chance(0.07)
	v.created = firstChat - r.span(1000, 240_000)
	v.numeric = a.quirk(quirkVisitorNumber, number)
	v.tail = r.next()
}

// appendVisitorID appends the id as text: account.suffix, or the digits of a number.
func (a *Account) appendVisitorID(b []byte, v *visitor) []byte {
	if v.numeric {
		return appendInt(b, 10_000_000+v.number)
	}
	b = appendInt(b, a.Number)
	b = append(b, '.')
	b = a.appendSuffix(b, 4, v.number, v.created)
	return append(b, base62[v.tail%62])
}

// appendVisitorRoom appends the id as it stands in the name of a chat room.
func (a *Account) appendVisitorRoom(b []byte, v *visitor) []byte {
	from := len(b)
	b = a.appendVisitorID(b, v)
	for i := from; i < len(b); i++ {
		if b[i] == '.' {
			b[i] = '-'
		}
	}
	return b
}

func appendFullName(b []byte, v *visitor) []byte {
	b = append(b, v.first.native...)
	b = append(b, ' ')
	return append(b, v.last.native...)
}

func appendAnonymousName(b []byte, v *visitor) []byte {
	b = append(b, "Visitor "...)
	return appendInt(b, int64(10_000_000+v.tail>>8%90_000_000))
}

func appendEmail(b []byte, v *visitor) []byte {
	b = append(b, v.first.latin...)
	b = append(b, '.')
	b = append(b, v.last.latin...)
	b = appendInt(b, v.number%100_000)
	domains := [...]string{"@example.com", "@example.org", "@example.net", "@mail.example.com"}
	return append(b, domains[v.tail>>40%uint64(len(domains))]...)
}

func appendPhone(b []byte, v *visitor) []byte {
	if v.locale.phone == "" || v.tail>>50%4 != 0 {
		return b
	}
	b = append(b, v.locale.phone...)
	return append2(b, int(v.tail>>30%100))
}

// appendIP appends an address of a range kept for documents and benchmarks.
func appendIP(b []byte, x uint64) []byte {
	if x>>60 == 0 {
		b = append(b, "2001:db8:"...)
		for _, shift := range [...]uint{0, 12, 24} {
			b = appendHex4(b, uint16(x>>shift))
			b = append(b, ':')
		}
		return append(b, ":1"...)
	}
	b = append(b, "198."...)
	b = appendInt(b, int64(18+x%2))
	b = append(b, '.')
	b = appendInt(b, int64(x>>8%256))
	b = append(b, '.')
	return appendInt(b, int64(x>>16%254+1))
}

func (a *Account) appendUserAgent(b []byte, br *browser, at int64, x uint64) []byte {
	version := int64(br.first) + (at/day-a.calendar.firstDay)/42
	for i := 0; i < len(br.agent); i++ {
		c := br.agent[i]
		if c != '%' {
			b = append(b, c)
			continue
		}
		i++
		if br.agent[i] == 'v' {
			b = appendInt(b, version)
			continue
		}
		b = appendInt(b, 2900+version*23)
		b = append(b, '.')
		b = appendInt(b, int64(x%200))
	}
	return b
}
