package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"testing"

	"chatferry"
)

func kindError(k chatferry.Kind) error { return chatferry.Errorf(k, "", "kind %d", k) }

func TestExitCode(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, 0},
		{"plain", errors.New("x"), 1},
		{"usage", kindError(chatferry.KindUsage), 2},
		{"environment", kindError(chatferry.KindEnvironment), 3},
		{"partial", &partialError{"x"}, 4},
		{"stopped", kindError(chatferry.KindStopped), 5},
		{"temporary", kindError(chatferry.KindTemporary), 6},
		{"differs", kindError(chatferry.KindDiffers), 7},
		{"incompatible", kindError(chatferry.KindIncompatible), 8},
		{"too many bad", kindError(chatferry.KindTooManyBad), 9},
		{"fenced", kindError(chatferry.KindFenced), 10},
		{"locked", kindError(chatferry.KindLocked), 11},

		{"wrapped", fmt.Errorf("a: %w", fmt.Errorf("b: %w", kindError(chatferry.KindFenced))), 10},
		{"outermost kind", &chatferry.Error{Kind: chatferry.KindIncompatible, Err: kindError(chatferry.KindTemporary)}, 8},
		{"kind below an error without one", &chatferry.Error{Op: "x", Err: kindError(chatferry.KindDiffers)}, 7},
		{"cancelled", fmt.Errorf("read: %w", context.Canceled), 5},
		{"cancelled beside a failure", errors.Join(context.Canceled, errors.New("x")), 1},
		{"stopped beside partial", errors.Join(&partialError{"x"}, kindError(chatferry.KindStopped)), 5},
		{"a join inside a wrap", fmt.Errorf("run: %w", errors.Join(errors.New("x"), kindError(chatferry.KindTooManyBad))), 9},
		{"a join inside an Error", &chatferry.Error{Op: "run", Err: errors.Join(kindError(chatferry.KindTemporary), kindError(chatferry.KindEnvironment))}, 3},
		{"joins inside joins", errors.Join(errors.Join(kindError(chatferry.KindStopped)), errors.Join(kindError(chatferry.KindFenced), errors.New("x"))), 10},
		{"disk full", fmt.Errorf("write: %w", &fs.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC}), 3},
		{"no permission", &fs.PathError{Op: "open", Path: "p", Err: os.ErrPermission}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.err); got != tt.want {
				t.Errorf("exitCode(%v) = %d, want %d", tt.err, got, tt.want)
			}
		})
	}
}

// Of every pair of errors the documented order decides, whichever comes first.
func TestExitPrecedence(t *testing.T) {
	order := []int{10, 8, 7, 3, 9, 1, 6, 5, 4}
	byCode := map[int]error{exitPartial: &partialError{"x"}, exitUnexpected: errors.New("x")}
	for kind, code := range exitOfKind {
		if code != exitUnexpected {
			byCode[code] = kindError(kind)
		}
	}
	for i, first := range order {
		for _, second := range order[i:] {
			a, b := byCode[first], byCode[second]
			for _, err := range []error{errors.Join(a, b), errors.Join(b, a), fmt.Errorf("%w and %w", b, a)} {
				if got := exitCode(err); got != first {
					t.Errorf("%d and %d together give %d, want %d", first, second, got, first)
				}
			}
		}
	}
}

func TestEveryKindAndCodeIsKnown(t *testing.T) {
	for k := chatferry.KindUnexpected; k <= chatferry.KindLocked; k++ {
		code, ok := exitOfKind[k]
		if !ok {
			t.Errorf("kind %d has no exit code", k)
		}
		if !slices.Contains(exitPrecedence, code) {
			t.Errorf("exit code %d has no precedence", code)
		}
	}
	for i, o := range outcomes {
		if o.code != i || o.name == "" || o.meaning == "" {
			t.Errorf("outcome %d is %+v", i, o)
		}
	}
}

func TestGravestGivesTheErrorThatDecides(t *testing.T) {
	fenced := &chatferry.Error{Kind: chatferry.KindFenced, Op: "commit", Hint: "let the other run work"}
	code, got := gravest(errors.Join(errors.New("a"), fmt.Errorf("lane: %w", fenced), context.Canceled))
	if code != exitFenced || !errors.Is(got, fenced) || got.Error() != "lane: commit" {
		t.Errorf("gravest = %v, %d", got, code)
	}
}
