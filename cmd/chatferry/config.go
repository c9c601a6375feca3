package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"chatferry"
)

// Config is everything a run can be told. Flags go over the environment, the environment over the file given by
// --config, the file over what the dataset was begun with, and that over defaultConfig.
type Config struct {
	From locations // places of the dump, or the account
	To   place     // root of the dataset

	Streams streamSet // empty: all
	Since   instant
	Until   instant
	Fetch   streamSet // of visitors and attachments

	Incremental toggle

	Limit count // records of each Stream; 0: all

	DropDeleted toggle

	MessageSuspects choice
	Tickets         filePath

	PageSize    size
	PartSize    size
	PartRecords count
	ShardSize   size
	RecordLimit size

	MemoryLimit   size
	Lanes         count
	Phase         choice
	NewestFirst   toggle
	MaxBadRecords badLimit
	Settle        toggle
	KeepRetired   period
	CheckSource   toggle
	Deadline      period // 0: none
	MinFree       minFree
	Estimate      text // file of an estimate
	TakeOver      toggle
	AccountMoved  toggle

	FillIdentities toggle
	Upgraded       accountPlace // asked for agents and departments
	AgentMap       filePath
	DepartmentMap  filePath

	// How S3 is spoken to. Credentials, and what is not said here, come from where AWS's own programs take them.
	S3Endpoint      endpoint
	S3Region        text
	S3Profile       text
	S3PathStyle     toggle
	S3ExpectedOwner awsAccount
	S3Encryption    text // of what is written, and so the next two
	S3KMSKey        text
	S3StorageClass  text
	SingleWriter    toggle
	TmpDir          text

	Rate         count // requests a minute that the account allows
	RateShare    share
	Patience     period
	Overlap      period
	AllowMissing streamSet

	Token        Secret // of the Chat API
	TokenFile    text
	TokenCommand text

	SignKey     Secret // of the certificate
	SignKeyFile text

	Listen      text // HOST:PORT at which a run can be watched; empty: nowhere
	ListenHosts text // names by which it may be called, with commas

	UpgradedToken        Secret // "", and the others too: the same as of the account
	UpgradedTokenFile    text
	UpgradedTokenCommand text

	NotifyURL           hookURL
	NotifyCommand       text
	NotifySecret        Secret
	NotifySecretFile    text
	NotifySecretCommand text

	Progress  choice
	JSON      toggle
	LogFormat choice
	LogLevel  choice
	Yes       toggle
}

// leastMemory is the least --memory-limit: the Go runtime, a Part being built and read back, and a Page for each Lane.
const leastMemory = 256 << 20

// defaultConfig returns what holds unless a layer says otherwise.
func defaultConfig() Config {
	cuts := chatferry.DefaultCuts()
	return Config{
		MessageSuspects: choice{"include", []string{"include", "quarantine", "exclude"}},

		PageSize:    size(cuts.PageBytes),
		PartSize:    size(cuts.PartBytes),
		PartRecords: count(cuts.PartRecords),
		ShardSize:   size(cuts.ShardBytes),
		RecordLimit: size(cuts.RecordBytes),

		MemoryLimit:   512 << 20,
		Lanes:         count(min(max(runtime.GOMAXPROCS(0), 1), 8)),
		Phase:         choice{phaseAll, []string{phaseAll, phaseCutover, phaseBackfill}},
		MaxBadRecords: badLimit{Count: -1, Percent: 1},
		Settle:        true,
		MinFree:       minFree{Bytes: 2 << 30, Percent: 5},

		Rate:      200,
		RateShare: 0.7,
		Patience:  period(time.Hour),
		Overlap:   period(10 * time.Minute),

		Progress:  choice{"auto", []string{"auto", "bar", "log", "json", "none"}},
		LogFormat: choice{"text", []string{"text", "json"}},
		LogLevel:  choice{"warn", []string{"debug", "info", "warn", "error"}},
	}
}

// cuts returns where Pages, Parts and Shards end.
func (c *Config) cuts() chatferry.Cuts {
	return chatferry.Cuts{
		PageBytes: int64(c.PageSize), PartBytes: int64(c.PartSize), PartRecords: int64(c.PartRecords),
		ShardBytes: int64(c.ShardSize), RecordBytes: int64(c.RecordLimit),
	}
}

// fieldError says which field of the Config is wrong.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// Validate returns a *fieldError that names the first field which is out of its bounds.
func (c *Config) Validate() error {
	bounds := []struct {
		field       string
		value       int64
		least, most int64
		print       func(int64) string
	}{
		{"memory-limit", int64(c.MemoryLimit), leastMemory, 1 << 46, printSize},
		{"lanes", int64(c.Lanes), 1, 256, printCount},
		{"page-size", int64(c.PageSize), 4 << 10, 64 << 20, printSize},
		{"part-size", int64(c.PartSize), 4 << 10, 4 << 30, printSize},
		{"part-records", int64(c.PartRecords), 1, 1 << 30, printCount},
		{"shard-size", int64(c.ShardSize), 4 << 10, 1 << 40, printSize},
		{"record-limit", int64(c.RecordLimit), 1 << 10, 512 << 20, printSize},
		{"rate", int64(c.Rate), 1, 1 << 20, printCount},
		{"patience", int64(c.Patience), int64(time.Second), int64(1 << 20 * time.Hour), printPeriod},
		{"keep-retired", int64(c.KeepRetired), 0, int64(366 * 24 * time.Hour), printPeriod},
		{"overlap", int64(c.Overlap), 0, int64(30 * 24 * time.Hour), printPeriod},
	}
	for _, b := range bounds {
		switch {
		case b.value < b.least:
			return &fieldError{b.field, fmt.Errorf("%s is too little; the least is %s", b.print(b.value), b.print(b.least))}
		case b.value > b.most:
			return &fieldError{b.field, fmt.Errorf("%s is too much; the most is %s", b.print(b.value), b.print(b.most))}
		}
	}
	if c.PartSize < c.PageSize {
		return &fieldError{"part-size", fmt.Errorf("%s is less than page-size %s; a Part is made of whole Pages", c.PartSize, c.PageSize)}
	}
	if since, until := time.Time(c.Since), time.Time(c.Until); !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return &fieldError{"until", fmt.Errorf("%s is not after since %s", c.Until, c.Since)}
	}
	if len(c.Streams) > 0 && len(c.asked()) == 0 {
		return &fieldError{"phase", fmt.Errorf("%s carries nothing of the streams %s", c.Phase, c.Streams)}
	}
	for _, s := range c.Fetch {
		if s != chatferry.Visitors && s != chatferry.Attachments {
			return &fieldError{"fetch", fmt.Errorf("%s is not fetched one by one; only visitors and attachments are", s)}
		}
	}
	if tokens := boolCount(c.Token != "", c.TokenFile != "", c.TokenCommand != ""); tokens > 1 {
		field := "token-file"
		if c.TokenFile == "" {
			field = "token-command"
		}
		return &fieldError{field, errors.New("a token was given as well in another way; keep one of CHATFERRY_TOKEN, --token-file and --token-command")}
	}
	if c.SignKey != "" && c.SignKeyFile != "" {
		return &fieldError{"sign-key-file", errors.New("a key was given as well in CHATFERRY_SIGN_KEY; keep one of them")}
	}
	if boolCount(c.UpgradedToken != "", c.UpgradedTokenFile != "", c.UpgradedTokenCommand != "") > 1 {
		return &fieldError{"upgraded-token-file", errors.New("the token of the upgraded account was given in more than one way; keep one")}
	}
	if boolCount(c.NotifySecret != "", c.NotifySecretFile != "", c.NotifySecretCommand != "") > 1 {
		field := "notify-secret-file"
		if c.NotifySecretFile == "" {
			field = "notify-secret-command"
		}
		return &fieldError{field, errors.New("the key was given as well in another way; keep one of CHATFERRY_NOTIFY_SECRET, --notify-secret-file and --notify-secret-command")}
	}
	return nil
}

// boolCount is how many of them hold.
func boolCount(of ...bool) (n int) {
	for _, b := range of {
		if b {
			n++
		}
	}
	return n
}

func printSize(n int64) string   { return size(n).String() }
func printCount(n int64) string  { return count(n).String() }
func printPeriod(n int64) string { return period(n).String() }

// choice is one of a few words.
type choice struct {
	word string
	of   []string
}

func (c *choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return fmt.Errorf("%q is not one of %s", text, joinOr(c.of))
	}
	c.word = text
	return nil
}

func (c choice) String() string { return c.word }

// joinOr writes "a, b or c".
func joinOr(words []string) string {
	out := ""
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			out += " or "
		case i > 0:
			out += ", "
		}
		out += w
	}
	return out
}
