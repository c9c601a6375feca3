package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/cmd/chatferry/progress"
)

func newQuarantineShowCommand(a *app) *cobra.Command {
	var filter rejectFilter
	most := count(20)
	var raw, replayed bool
	cmd := &cobra.Command{
		Use:   "show ROOT [PLACE]",
		Short: "Show records in quarantine with their bytes",
		Long: "Show records in quarantine with their bytes, escaped so that they cannot harm the terminal. PLACE is what " +
			"`quarantine list` names: the file of the dump and the byte at which the record begins.\n\n" +
			"With --raw, the bytes of the one record at PLACE go to stdout as they are. With --json there is one object a " +
			"line, with the bytes in base64.",
		Example: `  chatferry quarantine show /data/acme --code truncated
  chatferry quarantine show /data/acme chats/2021-03.ndjson.gz:81920
  chatferry quarantine show /data/acme chats/2021-03.ndjson.gz:81920 --raw > record.json`,
		Args: takes("ROOT", "[PLACE]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, d, err := a.openForReading(cmd, args)
			if err != nil {
				return err
			}
			if len(args) > 1 {
				filter.places = args[1:]
			}
			if raw && len(filter.places) == 0 {
				return usage("`quarantine list` names the places", "--raw needs the PLACE of one record")
			}
			show := a.showReject
			switch {
			case raw:
				show = a.showRaw
			case bool(s.JSON):
				show = a.showJSON
			}
			shown := count(0)
			kind := chatferry.FileQuarantine
			if replayed {
				kind = chatferry.FileReplayed
			}
			for r, err := range d.rejects(cmd.Context(), kind, filter) {
				if err != nil {
					return err
				}
				if most > 0 && shown == most {
					fmt.Fprintf(a.stderr, "chatferry: there are more; --most %d shows so many\n", 10*most)
					break
				}
				if err := show(r); err != nil {
					return err
				}
				shown++
				if raw {
					break
				}
			}
			if shown == 0 && !filter.all() {
				return usage("`quarantine list` shows what there is", "nothing like that is in quarantine")
			}
			return nil
		},
	}
	filter.flags(cmd)
	cmd.Flags().Var(&numberFlag{&most}, "most", "show at most so many; 0 is all")
	cmd.Flags().BoolVar(&raw, "raw", false, "the bytes of the record as they are, and nothing else")
	cmd.Flags().BoolVar(&replayed, "replayed", false, "those that left the quarantine, as they were cut")
	addFlag(cmd.Flags(), "json")
	addFlags(cmd.Flags(), placeFlags)
	return cmd
}

// numberFlag is a flag of one verb whose value is a count.
type numberFlag struct{ *count }

// Type implements pflag.Value.
func (f *numberFlag) Type() string { return "N" }

func (a *app) showReject(r *chatferry.Reject) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s, %s\n  %s\n  sha256 %s\n", printable(r.Place), r.Stream, r.Code, progress.Bytes(r.RawLen), printable(r.Reason), r.RawSHA256)
	switch {
	case len(r.Raw) == 0 && r.RawLen > 0:
		b.WriteString("  its bytes are not kept, since records of this stream hold secrets\n")
	case int64(len(r.Raw)) < r.RawLen:
		fmt.Fprintf(&b, "  the first %s of it:\n", progress.Bytes(int64(len(r.Raw))))
	}
	for line := range strings.Lines(escapeBytes(r.Raw)) {
		b.WriteString("  | " + strings.TrimSuffix(line, "\n") + "\n")
	}
	b.WriteByte('\n')
	_, err := a.stdout.Write([]byte(b.String()))
	return printError(err)
}

func (a *app) showRaw(r *chatferry.Reject) error {
	if int64(len(r.Raw)) < r.RawLen {
		fmt.Fprintf(a.stderr, "chatferry: only %s of %s are kept\n", progress.Bytes(int64(len(r.Raw))), progress.Bytes(r.RawLen))
	}
	_, err := a.stdout.Write(r.Raw)
	return printError(err)
}

func (a *app) showJSON(r *chatferry.Reject) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("print a reject: %w", err)
	}
	a.printed = true
	_, err = a.stdout.Write(append(line, '\n'))
	return printError(err)
}

// escapeBytes writes raw bytes for a terminal: lines stay lines, everything else that cannot be printed is escaped.
func escapeBytes(raw []byte) string {
	var b strings.Builder
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, raw[0])
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		raw = raw[n:]
	}
	return b.String()
}
