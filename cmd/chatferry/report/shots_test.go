package report

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatferry"
)

// A browser draws the page of each dataset in light, in dark, on a phone and on paper, and has nothing to complain of. It
// runs where CHATFERRY_SHOTS names the folder for the pictures, which a person should look at; `make report-shots` does.
func TestShots(t *testing.T) {
	folder := os.Getenv("CHATFERRY_SHOTS")
	if folder == "" {
		t.Skip("CHATFERRY_SHOTS is not set")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	if folder, err = filepath.Abs(folder); err != nil {
		t.Fatal(err)
	}
	for i, tt := range datasets {
		t.Run(tt.name, func(t *testing.T) {
			m, r := reported(t, i)
			r.Months = manyMonths(m)
			var page bytes.Buffer
			if err := r.HTML(&page); err != nil {
				t.Fatal(err)
			}
			at := filepath.Join(folder, tt.name)
			if err := os.WriteFile(at+".html", page.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, shot := range [][]string{
				{"--screenshot=" + at + "-light.png", "--window-size=1100,3400"},
				{"--screenshot=" + at + "-dark.png", "--window-size=1100,3400", "--blink-settings=preferredColorScheme=0"},
				{"--screenshot=" + at + "-phone.png", "--window-size=500,4200"}, // the least that a window can be
				{"--print-to-pdf=" + at + ".pdf", "--no-pdf-header-footer"},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, browser, append(shot, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
					"--no-first-run", "--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "file://"+at+".html")...)
				said, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, said)
				}
				for line := range strings.Lines(string(said)) {
					if strings.Contains(line, "CONSOLE") {
						t.Errorf("the browser complains: %s", line)
					}
				}
				made := strings.SplitN(shot[0], "=", 2)[1]
				if info, err := os.Stat(made); err != nil || info.Size() < 10_000 {
					t.Errorf("%s is not there, or empty: %v", made, err)
				}
			}
		})
	}
}

// manyMonths spreads the chats of a made dataset over eleven years.
func manyMonths(m *made) *Months {
	months := &Months{Total: m.table[chatferry.Chats.Parent()].Rows}
	for i := range 11 * 12 {
		months.Months = append(months.Months, Month{Month: strconv.Itoa(2013+i/12) + "-" + strconv.Itoa(101 + i%12)[1:]})
	}
	for range months.Total {
		month := &months.Months[max(m.rand.IntN(11*12), m.rand.IntN(11*12))]
		if m.rand.IntN(8) > 0 {
			month.Chats++
		} else {
			month.Offline++
		}
	}
	return months
}
