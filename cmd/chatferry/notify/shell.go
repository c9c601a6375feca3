package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"chatferry/extract/api"
)

const (
	commandWithin = 20 * time.Second
	// drainWithin is how long is waited for what a command left behind to let go of its output.
	drainWithin = time.Second
	mostOutput  = 64 << 10
	mostWords   = 200 // of a complaint that is quoted
)

// Withheld are the variables that no command is given: it needs none of them, and what it prints may be kept. A test of the
// program holds them against its options.
var Withheld = []string{
	"CHATFERRY_TOKEN", "CHATFERRY_UPGRADED_TOKEN", "CHATFERRY_SIGN_KEY", "CHATFERRY_NOTIFY_SECRET", "CHATFERRY_NOTIFY_URL",
}

// shell has `sh -c` run a line with input on stdin and returns what it printed. When ctx ends it dies with all that it started.
func shell(ctx context.Context, line string, input []byte) ([]byte, error) {
	out, said := &bounded{}, &bounded{}
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), out, said
	cmd.WaitDelay = drainWithin
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !slices.Contains(Withheld, name) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	api.OwnGroup(cmd)
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, errors.New("it did not end in time")
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err == nil:
		return out.kept, nil
	}
	if words := strings.Join(strings.Fields(string(said.kept)), " "); words != "" {
		err = fmt.Errorf("%w: %s", err, strings.ToValidUTF8(words[:min(len(words), mostWords)], "?"))
	}
	return nil, err
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ kept []byte }

func (b *bounded) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), mostOutput-len(b.kept))]...)
	return len(p), nil
}
