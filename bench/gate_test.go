package bench

import (
	"math"
	"strings"
	"testing"
)

func TestGateJudges(t *testing.T) {
	recorded := &Gate{Config: "c", Machine: "m", Of: map[string]float64{"read": 0.9, "decode": 0.4, "encode": 0.2, whole: 0.3}}
	for _, c := range []struct {
		name string
		is   Gate
		want []string // a part of each
	}{
		{"the same", *recorded, nil},
		{"faster, and on another machine", Gate{Config: "c", Machine: "n", Of: map[string]float64{"read": 1, "decode": 0.5, "encode": 0.4, whole: 0.5}}, nil},
		{"just not too slow", Gate{Config: "c", Of: map[string]float64{"read": 0.811, "decode": 0.361, "encode": 0.181, whole: 0.271}}, nil},
		{"one too slow", Gate{Config: "c", Of: map[string]float64{"read": 0.9, "decode": 0.35, "encode": 0.2, whole: 0.3}}, []string{"decode: 0.350 of its floors, 0.400 are recorded: 88 %"}},
		{"the whole too slow", Gate{Config: "c", Of: map[string]float64{"read": 0.9, "decode": 0.4, "encode": 0.2, whole: 0.1}}, []string{"whole: 0.100"}},
		{"two too slow", Gate{Config: "c", Of: map[string]float64{"read": 0.1, "decode": 0.4, "encode": 0.1, whole: 0.3}}, []string{"encode: 0.100", "read: 0.100"}},
		{"not a number", Gate{Config: "c", Of: map[string]float64{"read": math.NaN(), "decode": 0.4, "encode": 0.2, whole: 0.3}}, []string{"read: NaN"}},
		{"one left out", Gate{Config: "c", Of: map[string]float64{"read": 0.9, "encode": 0.2, whole: 0.3}}, []string{"decode was not measured"}},
		{"a new one", Gate{Config: "c", Of: map[string]float64{"read": 0.9, "decode": 0.4, "encode": 0.2, whole: 0.3, "check": 1}}, []string{"check is not recorded"}},
		{"something else", Gate{Config: "d", Of: recorded.Of}, []string{"c is recorded, d was measured"}},
	} {
		got := recorded.Judge(&c.is)
		if len(got) != len(c.want) {
			t.Errorf("%s: %q", c.name, got)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) {
				t.Errorf("%s: %q does not say %q", c.name, got[i], c.want[i])
			}
		}
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{3: {3}, 4: {5, 3}, 2: {9, 2, 1}, 2.5: {4, 1, 2, 3}} {
		if got := Median(values); got != want {
			t.Errorf("of %v: %v", values, got)
		}
	}
}

// The floor that finds structure must look at every byte: marks inside strings, escaped quotes, and ends at every distance.
func TestMarks(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `{}`: 2, `{"a":1}`: 4, `["{}[]:,\"",""]`: 5, `{"a\\":"\"","b":[1,2,{}]}`: 14, `"open \`: 1, `"open \"`: 1,
	} {
		if got := marks([]byte(text)); got != want {
			t.Errorf("%s: %d marks, not %d", text, got, want)
		}
	}
	for n := range 40 {
		if got := marks([]byte(`["` + strings.Repeat("x", n) + `\"]",1]`)); got != 4 {
			t.Errorf("behind %d letters: %d marks", n, got)
		}
	}
}
