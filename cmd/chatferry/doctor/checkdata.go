package doctor

import (
	"fmt"
	"strings"
	"time"

	"chatferry/cmd/chatferry/progress"
)

var dataQuestions = []question{
	{
		"config.snapshot", "The configuration can be kept as it is now",
		"What shortcuts, triggers and routing were before can be compared with what they are after; the digests do not depend on the order.", configSnapshot,
	},
	{"volume.records", "It is known how much there is", "The run can be planned.", volumeRecords},
	{
		"message.exposure", "No chat is one of Zendesk Message",
		"Conversations of Message are not part of the upgrade; a run leaves them out on evidence alone, and lists each.", messageExposure,
	},
	{
		"baseline.counts", "The chats of each month are counted",
		"Counts before and after can be compared. Deleted chats stay in Zendesk's own analytics, and months there may be of another time zone; departments and ratings of each chat are in the dataset.",
		baselineCounts,
	},
}

func configSnapshot(l *look) {
	for _, s := range snapshots() {
		f := l.f.Setup[s]
		snap, ok := take(l, &f)
		if ok && f.Gap == nil {
			l.see("%s: %s, %s", s, counted(snap.Records, "record"), snap.Digest[:16])
		}
	}
	if len(l.NotSeen) > 0 {
		l.unsure("What could not be read cannot be compared afterwards.", "")
		return
	}
	names := make([]string, 0, len(setup))
	for _, s := range setup {
		names = append(names, string(s))
	}
	l.Do = "keep a copy: chatferry run --streams " + strings.Join(names, ",")
}

// perRequest is how many chats the incremental export gives at once.
const perRequest = 1000

// requests is how many a Stream of chats takes, and by which endpoint.
func (f *Facts) requests(chats int64) int64 {
	if f.Sample.Value.Endpoint == "chats" {
		return chats/40 + 1
	}
	return chats/perRequest + 1
}

func volumeRecords(l *look) {
	if l.f.Dump {
		take(l, &l.f.Counts)
		if stored, ok := take(l, &l.f.Stored); ok {
			l.see("%s of files", progress.Bytes(stored))
		}
		return
	}
	c, ok := take(l, &l.f.Counts)
	if !ok {
		return
	}
	for what, n := range map[string]int64{"chats": c.Chats, "offline messages": c.Offline} {
		if n == searchCap {
			l.unsure("A search may show no more than 10,000.", "count by months: --months")
			l.see("10,000 %s or more", what)
		}
	}
	total := c.Chats + c.Offline
	l.see("%s chats and %s offline messages; %s rated good, %s bad", progress.Count(c.Chats), progress.Count(c.Offline),
		progress.Count(c.Good), progress.Count(c.Bad))
	if _, ok := take(l, &l.f.Sample); !ok || l.f.PerMinute <= 0 {
		return
	}
	n := l.f.requests(total)
	l.see("about %s for the chats, %s at %.0f a minute; visitors and attachments take one each if they are fetched",
		counted(n, "request"), span(float64(n)/l.f.PerMinute), l.f.PerMinute)
}

// span writes a number of minutes.
func span(minutes float64) string {
	if minutes < 1 {
		return "less than a minute"
	}
	return progress.Span(time.Duration(minutes * float64(time.Minute)))
}

func messageExposure(l *look) {
	s, ok := take(l, &l.f.Sample)
	if !ok {
		return
	}
	excluded := 0
	for _, reason := range sortedKeys(s.Excluded) {
		excluded += s.Excluded[reason]
		l.name(reason, counted(int64(s.Excluded[reason]), "chat"))
	}
	l.see("of a sample of %s: %d excluded, %d suspect, %d unreadable", counted(int64(s.Chats), "chat"), excluded, s.Suspect, s.Rejected)
	if s.Chats == 0 {
		return
	}
	switch {
	case excluded > 0:
		l.warn(fmt.Sprintf("About %.1f %% of the chats are conversations of Message, which do not come along, neither by the upgrade nor by a run. Message ended on 1 November 2021.",
			100*float64(excluded)/float64(s.Chats)),
			"keep them elsewhere if they are needed; a run lists each in the ledger, and suspects are kept and flagged")
	case s.Suspect > 0:
		l.warn("Some chats look like conversations of Message, but nothing proves it. A run keeps them, with the reasons in message_suspect.",
			"look at a few of them after the run")
	}
}

func baselineCounts(l *look) {
	months, ok := take(l, &l.f.Months)
	if !ok {
		return
	}
	var all Month
	for _, m := range months {
		all.Chats += m.Chats
		all.Offline += m.Offline
	}
	l.see("%s, %s chats and %s offline messages", counted(int64(len(months)), "month"), progress.Count(all.Chats), progress.Count(all.Offline))
	if c, ok := take(l, &l.f.Counts); ok && c.Chats < searchCap && c.Offline < searchCap && (all.Chats != c.Chats || all.Offline != c.Offline) {
		l.see("a search without a time finds %s chats and %s offline messages", progress.Count(c.Chats), progress.Count(c.Offline))
		l.unsure("Some chats are of other months, or came or went meanwhile.", "count again; if it stays so, some chats bear times before the first or after this month")
	}
	for _, m := range months {
		if m.Chats == searchCap || m.Offline == searchCap {
			l.unsure("A search may show no more than 10,000: some months hold more.", "compare them by the dataset: chatferry report")
		}
	}
	l.Do = "keep this, and compare with the counts of the dataset (chatferry report) and with those after the upgrade, not before 24 hours have passed"
}
