package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// mostBody is the longest answer that is taken, counted after decompression. A page of a thousand long chats is some
// tens of megabytes.
const mostBody = 256 << 20

// mostDepth is how deep an answer may be nested.
const mostDepth = 10_000

// errBroken is wrapped by what is said about an answer that did not arrive as the server meant it, or not at all.
var errBroken = errors.New("broken answer")

// readWhole reads a body to its end. progress is told how much has come. length is what the header promised, -1 if
// nothing; the body may still be longer when it was compressed on its way.
func readWhole(r io.Reader, length, most int64, progress func(n int)) ([]byte, error) {
	buf := make([]byte, 0, min(max(length, 4<<10), 16<<20)+bytes.MinRead)
	for {
		if cap(buf)-len(buf) < bytes.MinRead {
			buf = append(buf, make([]byte, len(buf)+bytes.MinRead)...)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		progress(n)
		switch {
		case int64(len(buf)) > most:
			return nil, fmt.Errorf("%w: longer than %d MiB", errBroken, most>>20)
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		}
	}
}

// proveWhole says why a body is no JSON object or array that ends where the body ends. It looks at brackets and strings
// alone: what is wrong inside a record concerns that record only.
func proveWhole(body []byte) error {
	text := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(text) == 0:
		return fmt.Errorf("%w: it is empty", errBroken)
	case text[0] == '<':
		return fmt.Errorf("%w: %w", errBroken, errWebPage)
	case text[0] != '{' && text[0] != '[':
		return fmt.Errorf("%w: it is not JSON", errBroken)
	}
	var open []byte
	for i := 0; i < len(text); i++ {
		switch b := text[i]; b {
		case '"':
			end := stringEnd(text[i+1:])
			if end < 0 {
				return fmt.Errorf("%w: it stops after %d bytes, inside a text", errBroken, len(body))
			}
			i += end + 1
		case '{', '[':
			if len(open) == mostDepth {
				return fmt.Errorf("%w: nested more than %d deep", errBroken, mostDepth)
			}
			open = append(open, b+2) // the closing bracket of either stands two places after it
		case '}', ']':
			if open[len(open)-1] != b {
				return fmt.Errorf("%w: its brackets do not match", errBroken)
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				if len(bytes.TrimLeft(text[i+1:], " \t\r\n")) > 0 {
					return fmt.Errorf("%w: something follows its end", errBroken)
				}
				return nil
			}
		}
	}
	return fmt.Errorf("%w: it stops after %d bytes, %d brackets open", errBroken, len(body), len(open))
}

// errWebPage says that a page for people came instead of data.
var errWebPage = errors.New("it is a web page, not JSON")

// stringEnd is the index of the quote that ends a string whose opening quote is cut off, -1 if there is none.
func stringEnd(text []byte) int {
	for from := 0; ; {
		q := bytes.IndexByte(text[from:], '"')
		if q < 0 {
			return -1
		}
		q += from
		slashes := 0
		for slashes < q && text[q-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return q
		}
		from = q + 1
	}
}

// explanation takes the members "error" and "description" out of the body of a refusal, which may be anything.
func explanation(body []byte) (code, message string) {
	var told map[string]any
	if json.Unmarshal(body, &told) != nil {
		return "", ""
	}
	switch e := told["error"].(type) {
	case string:
		code = e
	case map[string]any:
		code, _ = e["title"].(string)
		message, _ = e["message"].(string)
	}
	for _, name := range []string{"description", "error_description", "message"} {
		if m, _ := told[name].(string); m != "" && m != code {
			message = m
			break
		}
	}
	return strings.TrimSpace(code), strings.TrimSpace(message)
}
