package main

import (
	"slices"
	"strings"
)

// class says what a change of an option means for a dataset that exists. The dataset log keeps the options by class.
type class string

const (
	// shaping options decide which records and bytes the dataset holds. A change is refused once something is committed.
	shaping class = "shaping"
	// scope options say how much is carried over. They may grow.
	scope class = "scope"
	// operation options say how the work is done. They are free, and resume takes them over.
	operation class = "operation"
	// local options belong to one call of the program. The dataset log keeps none of them.
	local class = "local"
)

// option describes one field of Config: its name as a flag and in the file, from which the name of its environment
// variable follows, its class, and its help.
type option struct {
	name   string
	class  class
	arg    string // what the help calls its value; empty for a switch
	help   string
	secret bool   // never a flag, never in the file
	later  bool   // shaping, and not there from the start: left out of the log at its default
	sep    string // between several values in the environment; empty for a single value
	value  func(*Config) value
}

// options is the one table of all options, in the order in which help and `config show` list them.
var options = []option{
	{
		name: "from", class: local, arg: "PLACE", sep: "\n", value: func(c *Config) value { return &c.From },
		help: "the account: zendesk://SUBDOMAIN, zopim: or https://HOST; or a dump: a folder, s3://bucket/prefix or stream=PLACE, which may be given several times",
	},
	{
		name: "to", class: local, arg: "PLACE", value: func(c *Config) value { return &c.To },
		help: "root of the dataset: a folder, made if it is not there, or s3://bucket/prefix",
	},

	{
		name: "streams", class: scope, arg: "A,B", sep: ",", value: func(c *Config) value { return &c.Streams },
		help: "only these streams; the default is every stream that the source holds",
	},
	{
		name: "since", class: scope, arg: "TIME", value: func(c *Config) value { return &c.Since },
		help: "only records changed since then, 2021-03-01 or 2021-03-01T08:00:00Z; of an account, since a dump is carried whole",
	},
	{
		name: "until", class: scope, arg: "TIME", value: func(c *Config) value { return &c.Until },
		help: "only records changed before then; of an account",
	},
	{
		name: "fetch", class: scope, arg: "A,B", sep: ",", value: func(c *Config) value { return &c.Fetch },
		help: "what an account gives one by one only: visitors, a request each; attachments, their content",
	},
	{
		name: "incremental", class: local, value: func(c *Config) value { return &c.Incremental },
		help: "for runs on a schedule: of a complete account, read what changed since; each run leaves a run-done, be there news or not",
	},
	{
		name: "limit", class: shaping, arg: "N", value: func(c *Config) value { return &c.Limit },
		help: "trial run: at most about N records of each stream; 0 is all",
	},

	{
		name: "drop-deleted", class: shaping, value: func(c *Config) value { return &c.DropDeleted },
		help: "take records out that were deleted at the source; else they stay, with deleted set",
	},

	{
		name: "message-suspects", class: shaping, arg: "KIND", later: true, value: func(c *Config) value { return &c.MessageSuspects },
		help: "include, quarantine or exclude chats that look like Zendesk Message conversations, without evidence; included ones are flagged in message_suspect",
	},
	{
		name: "tickets", class: operation, arg: "FILE", value: func(c *Config) value { return &c.Tickets },
		help: "export of Support tickets, CSV or NDJSON: a ticket of a social network is evidence; what it says shapes the dataset",
	},

	{
		name: "part-size", class: shaping, arg: "SIZE", value: func(c *Config) value { return &c.PartSize },
		help: "raw bytes after which a Part is sealed and committed",
	},
	{
		name: "part-records", class: shaping, arg: "N", value: func(c *Config) value { return &c.PartRecords },
		help: "records after which a Part is sealed and committed",
	},
	{
		name: "shard-size", class: shaping, arg: "SIZE", value: func(c *Config) value { return &c.ShardSize },
		help: "least stored bytes of a Shard of the dump",
	},
	{
		name: "page-size", class: shaping, arg: "SIZE", value: func(c *Config) value { return &c.PageSize },
		help: "raw bytes that are read and converted at a time",
	},
	{
		name: "record-limit", class: shaping, arg: "SIZE", value: func(c *Config) value { return &c.RecordLimit },
		help: "a longer record goes to quarantine",
	},

	{
		name: "memory-limit", class: operation, arg: "SIZE", value: func(c *Config) value { return &c.MemoryLimit },
		help: "memory that the program keeps within, at least 256MiB",
	},
	{
		name: "lanes", class: operation, arg: "N", value: func(c *Config) value { return &c.Lanes },
		help: "Shards carried side by side; the default is the number of processors, at most 8",
	},
	{
		name: "phase", class: operation, arg: "PHASE", value: func(c *Config) value { return &c.Phase },
		help: "cutover: the configuration alone, all of it or nothing; backfill: the rest; all: both",
	},
	{
		name: "newest-first", class: operation, value: func(c *Config) value { return &c.NewestFirst },
		help: "carry recent history first: the windows of an account from the newest back, the files of a dump from the last name back",
	},
	{
		name: "max-bad-records", class: operation, arg: "N|P%", value: func(c *Config) value { return &c.MaxBadRecords },
		help: "stop with exit code 9 beyond so many records in quarantine, or such a share from 1,000 records on",
	},
	{
		name: "settle", class: operation, arg: "true|false", value: func(c *Config) value { return &c.Settle },
		help: "at the end, leave one row for each key, the newest; the others move to the ledger",
	},
	{
		name: "keep-retired", class: operation, arg: "TIME", value: func(c *Config) value { return &c.KeepRetired },
		help: "keep files that were replaced for that long, for readers who work with a list of files",
	},
	{
		name: "check-source", class: operation, value: func(c *Config) value { return &c.CheckSource },
		help: "read every compressed file once before its first commit, to find damaged ones",
	},
	{
		name: "deadline", class: operation, arg: "TIME", value: func(c *Config) value { return &c.Deadline },
		help: "stop cleanly after that long, with exit code 5: 55m, 23h30m",
	},
	{
		name: "min-free", class: operation, arg: "SIZE|P%", value: func(c *Config) value { return &c.MinFree },
		help: "stop cleanly, with exit code 3, when less than that is free on the disk of the dataset, or of --tmp-dir",
	},
	{
		name: "estimate", class: operation, arg: "FILE", value: func(c *Config) value { return &c.Estimate },
		help: "what plan wrote: a run says beforehand whether it will be in time, and at its end what came otherwise; plan writes it",
	},
	{
		name: "take-over", class: local, value: func(c *Config) value { return &c.TakeOver },
		help: "take the dataset over from a run that seems alive; that run ends with exit code 10",
	},

	{
		name: "account-moved", class: local, value: func(c *Config) value { return &c.AccountMoved },
		help: "the account that answers under another number, kind or address is the one that the dataset was begun with: a person has looked",
	},

	{
		name: "fill-identities", class: operation, value: func(c *Config) value { return &c.FillIdentities },
		help: "fill the ids that agents and departments have since the upgrade: of --upgraded, of the files, or of what was read before and after it",
	},
	{
		name: "upgraded", class: operation, arg: "ACCOUNT", value: func(c *Config) value { return &c.Upgraded },
		help: "the upgraded account, zendesk://SUBDOMAIN or https://HOST, which is asked for its agents and departments",
	},
	{
		name: "agent-map", class: operation, arg: "FILE", value: func(c *Config) value { return &c.AgentMap },
		help: "CSV with a header: upgraded_id, and legacy_id or email of the agents; role says owner of the one who owns the upgraded account",
	},
	{
		name: "department-map", class: operation, arg: "FILE", value: func(c *Config) value { return &c.DepartmentMap },
		help: "CSV with a header: upgraded_id, which is that of the group, and legacy_id or name of the departments",
	},

	{
		name: "s3-endpoint", class: operation, arg: "URL", value: func(c *Config) value { return &c.S3Endpoint },
		help: "the store of s3:// places, if it is not AWS; else AWS_ENDPOINT_URL_S3",
	},
	{
		name: "s3-region", class: operation, arg: "REGION", value: func(c *Config) value { return &c.S3Region },
		help: "region of the buckets; else AWS_REGION or the profile's",
	},
	{
		name: "s3-profile", class: operation, arg: "NAME", value: func(c *Config) value { return &c.S3Profile },
		help: "profile of the AWS configuration files that holds the credentials; else AWS_PROFILE, AWS_ACCESS_KEY_ID … or the machine's role",
	},
	{
		name: "s3-path-style", class: operation, value: func(c *Config) value { return &c.S3PathStyle },
		help: "name buckets in the path of a URL, not in its host, as some stores want it; on by itself where the endpoint is an address",
	},
	{
		name: "s3-expected-owner", class: operation, arg: "ACCOUNT", value: func(c *Config) value { return &c.S3ExpectedOwner },
		help: "AWS account that must own the buckets; another's is refused",
	},
	{
		name: "s3-encryption", class: operation, arg: "KIND", value: func(c *Config) value { return &c.S3Encryption },
		help: "how the store encrypts the objects of the dataset: AES256, aws:kms or aws:kms:dsse; the default is the bucket's",
	},
	{
		name: "s3-kms-key", class: operation, arg: "KEY", value: func(c *Config) value { return &c.S3KMSKey },
		help: "key of AWS KMS for that; the default is the bucket's",
	},
	{
		name: "s3-storage-class", class: operation, arg: "CLASS", value: func(c *Config) value { return &c.S3StorageClass },
		help: "storage class of the objects of the dataset, such as STANDARD_IA; the default is the store's",
	},
	{
		name: "single-writer", class: operation, value: func(c *Config) value { return &c.SingleWriter },
		help: "write to a store that does not honour If-None-Match; two runs at once then damage the dataset, and you see that there is one",
	},
	{
		name: "tmp-dir", class: local, arg: "FOLDER", value: func(c *Config) value { return &c.TmpDir },
		help: "where files are built on their way to a bucket; about two Parts for each Lane at a time. The default is the system's",
	},

	{
		name: "rate", class: operation, arg: "N", value: func(c *Config) value { return &c.Rate },
		help: "requests a minute that the account allows",
	},
	{
		name: "rate-share", class: operation, arg: "P%", value: func(c *Config) value { return &c.RateShare },
		help: "share of them that chatferry uses; the rest is left to whatever else reads the account",
	},
	{
		name: "patience", class: operation, arg: "TIME", value: func(c *Config) value { return &c.Patience },
		help: "end with exit code 6 when the API has given nothing for that long",
	},
	{
		name: "overlap", class: operation, arg: "TIME", value: func(c *Config) value { return &c.Overlap },
		help: "how late a change may show in the API; the last sweeps begin so far apart. 0: none, for an account at rest",
	},
	{
		name: "allow-missing", class: operation, arg: "A,B", sep: ",", value: func(c *Config) value { return &c.AllowMissing },
		help: "streams that may be missing or forbidden without exit code 4",
	},

	{
		name: "token", class: local, arg: "SECRET", secret: true, value: func(c *Config) value { return &c.Token },
		help: "token of the Chat API",
	},
	{
		name: "token-file", class: local, arg: "FILE", value: func(c *Config) value { return &c.TokenFile },
		help: "file with the token, or with an OAuth pair that is kept fresh in it; readable by its owner only",
	},
	{
		name: "token-command", class: local, arg: "COMMAND", value: func(c *Config) value { return &c.TokenCommand },
		help: "command that prints the token",
	},

	{
		name: "sign-key", class: local, arg: "SECRET", secret: true, value: func(c *Config) value { return &c.SignKey },
		help: "private Ed25519 key in PEM that signs the certificate",
	},
	{
		name: "sign-key-file", class: local, arg: "FILE", value: func(c *Config) value { return &c.SignKeyFile },
		help: "file with the private Ed25519 key, PKCS #8 in PEM, that signs the certificate; readable by its owner only",
	},

	{
		name: "listen", class: local, arg: "HOST:PORT", value: func(c *Config) value { return &c.Listen },
		help: "while the run works, serve the page of its report there, /metrics for Prometheus, and /healthz; for example 127.0.0.1:9090",
	},
	{
		name: "listen-hosts", class: local, arg: "A,B", value: func(c *Config) value { return &c.ListenHosts },
		help: "serve others than this machine too, who call it by an address or by one of these names; * is any",
	},

	{
		name: "upgraded-token", class: local, arg: "SECRET", secret: true, value: func(c *Config) value { return &c.UpgradedToken },
		help: "token of the upgraded account; else that of the account",
	},
	{
		name: "upgraded-token-file", class: local, arg: "FILE", value: func(c *Config) value { return &c.UpgradedTokenFile },
		help: "file with the token of the upgraded account; readable by its owner only",
	},
	{
		name: "upgraded-token-command", class: local, arg: "COMMAND", value: func(c *Config) value { return &c.UpgradedTokenCommand },
		help: "command that prints the token of the upgraded account",
	},

	{
		name: "notify-url", class: local, arg: "URL", value: func(c *Config) value { return &c.NotifyURL },
		help: "webhook that is told how a run ended; the dataset does not keep it, since such addresses are often secrets",
	},
	{
		name: "notify-command", class: local, arg: "COMMAND", value: func(c *Config) value { return &c.NotifyCommand },
		help: "command that is given the same on stdin",
	},
	{
		name: "notify-secret", class: local, arg: "SECRET", secret: true, value: func(c *Config) value { return &c.NotifySecret },
		help: "key by which the webhook is signed",
	},
	{
		name: "notify-secret-file", class: local, arg: "FILE", value: func(c *Config) value { return &c.NotifySecretFile },
		help: "file with that key; readable by its owner only",
	},
	{
		name: "notify-secret-command", class: local, arg: "CMD", value: func(c *Config) value { return &c.NotifySecretCommand },
		help: "command that prints that key",
	},

	{
		name: "progress", class: local, arg: "KIND", value: func(c *Config) value { return &c.Progress },
		help: "auto, bar, log, json or none, on stderr; auto is bar on a terminal and log elsewhere",
	},
	{
		name: "json", class: local, value: func(c *Config) value { return &c.JSON },
		help: "print the result as one JSON object on stdout",
	},
	{
		name: "log-format", class: local, arg: "KIND", value: func(c *Config) value { return &c.LogFormat },
		help: "text or json, on stderr",
	},
	{
		name: "log-level", class: local, arg: "LEVEL", value: func(c *Config) value { return &c.LogLevel },
		help: "debug, info, warn or error",
	},
	{
		name: "yes", class: local, value: func(c *Config) value { return &c.Yes },
		help: "do not ask before something is removed",
	},
}

// env is the name of the option's environment variable.
func (o *option) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(o.name, "-", "_"))
}

const (
	envPrefix  = "CHATFERRY_"
	envConfig  = envPrefix + "CONFIG"
	configFlag = "config"
)

// isSwitch reports whether the option's flag stands without a value.
func (o *option) isSwitch() bool { return o.arg == "" }

// optionNamed returns the option, or nil.
func optionNamed(name string) *option {
	i := slices.IndexFunc(options, func(o option) bool { return o.name == name })
	if i < 0 {
		return nil
	}
	return &options[i]
}

// optionNames returns the names of the options that may stand in the file or be given as flags.
func optionNames() []string {
	var names []string
	for i := range options {
		if !options[i].secret {
			names = append(names, options[i].name)
		}
	}
	return names
}

// fields returns the options of a class as the dataset log keeps them: name and text. A switch that is off is left out, and
// a later option at its default, so that a dataset which was begun before there was such an option has the same shape.
func (c *Config) fields(of class) map[string]string {
	m, initial := map[string]string{}, defaultConfig()
	for i := range options {
		if o := &options[i]; o.class == of && !o.secret {
			text := o.value(c).String()
			if o.isSwitch() && text == "false" || o.later && text == o.value(&initial).String() {
				continue
			}
			m[o.name] = text
		}
	}
	return m
}
