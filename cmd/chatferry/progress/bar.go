package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Bar is a View that draws a table of Streams on a terminal and draws over it again in place.
type Bar struct {
	mu    sync.Mutex
	w     io.Writer
	look  Look
	size  func() (columns, lines int)
	title string
	last  []string // the lines on the screen; the cursor stands below them
}

var _ View = (*Bar)(nil)

// Look says what a terminal can show.
type Look struct {
	Color bool // escape sequences for colours
	ASCII bool // no block characters
}

// NewBar returns a View that draws on the terminal w, whose size it asks before every drawing.
func NewBar(w io.Writer, look Look, size func() (columns, lines int)) *Bar {
	return &Bar{w: w, look: look, size: size}
}

// Every implements View: five times a second looks alive and costs nothing.
func (b *Bar) Every() time.Duration { return 200 * time.Millisecond }

// Start implements View.
func (b *Bar) Start(i Info, s Snapshot) {
	b.title = strings.TrimSpace(fmt.Sprintf("%s %s → %s", i.Command, i.RunID, i.Root))
	if b.look.ASCII {
		b.title = strings.ReplaceAll(b.title, "→", "to")
	}
	b.Draw(s)
}

// Draw implements View.
func (b *Bar) Draw(s Snapshot) {
	columns, lines := b.size()
	table := append([]string{fit(b.title, columns-1)}, table(s, b.look, columns-1, lines-2)...)
	b.mu.Lock()
	defer b.mu.Unlock()
	var out strings.Builder
	b.rewind(&out)
	for _, l := range table {
		out.WriteString(l + "\x1b[K\n")
	}
	out.WriteString("\x1b[J")
	_, _ = io.WriteString(b.w, out.String())
	b.last = table
}

// End implements View: the last table stays on the screen.
func (b *Bar) End(s Snapshot, _ End) {
	b.Draw(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	_, _ = io.WriteString(b.w, "\n")
	b.last = nil
}

// Write implements View: the lines go above the table.
func (b *Bar) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out strings.Builder
	b.rewind(&out)
	if len(b.last) > 0 {
		out.WriteString("\x1b[J")
	}
	out.Write(p)
	if len(p) > 0 && p[len(p)-1] != '\n' {
		out.WriteByte('\n')
	}
	for _, l := range b.last {
		out.WriteString(l + "\x1b[K\n")
	}
	if _, err := io.WriteString(b.w, out.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// rewind moves the cursor to the first line of the table.
func (b *Bar) rewind(out *strings.Builder) {
	if n := len(b.last); n > 0 {
		fmt.Fprintf(out, "\r\x1b[%dA", n)
	}
}

// fit cuts text to so many columns. Every rune is taken for one column wide.
func fit(text string, columns int) string {
	if columns <= 0 {
		return ""
	}
	if utf8.RuneCountInString(text) <= columns {
		return text
	}
	return string([]rune(text)[:columns])
}
