package doctor

import (
	"chatferry"
	"chatferry/cmd/chatferry/progress"
)

var targetQuestions = []question{
	{"target.write", "The place of the dataset can be written to", "A run can commit there; nothing was left behind.", targetWrite},
	{"target.space", "The disk has room for the dataset", "The dataset fits.", targetSpace},
}

func targetWrite(l *look) {
	t, ok := take(l, &l.f.Target)
	switch {
	case !ok:
	case t.Held:
		l.see("a live run holds it, so it was not probed")
		l.unsure("A run that works there shows that it can be written to.", "look at it: chatferry status")
	case t.Refused != nil:
		l.environment = true
		l.see("%s", t.Refused.Error())
		do := chatferry.HintOf(t.Refused)
		if do == "" {
			do = "choose another place, or give this user the right to write there"
		}
		l.fail("A run would end at once with this.", do)
	default:
		l.see("files were written, made durable, linked or replaced, and removed again")
	}
}

// The room that a dataset takes, as a share of the raw bytes of its chats, and of those of a dump's files. Measured of a
// made-up account were 0.17, and 0.7 where most files were compressed; while files are replaced, there may be twice as much.
const (
	rawShare    = 0.5
	storedShare = 2
	slack       = 1 << 30 // for what is being built
)

func targetSpace(l *look) {
	s, ok := take(l, &l.f.Space)
	if !ok {
		return
	}
	l.see("%s of %s free", progress.Bytes(s.Free), progress.Bytes(s.Total))
	need := int64(slack)
	switch {
	case s.InBucket:
		l.see("the dataset lies in a bucket; files are built in %s", s.Folder)
	case l.f.Dump:
		stored, _ := take(l, &l.f.Stored)
		need += storedShare * stored
	default:
		c, counted := take(l, &l.f.Counts)
		sample, sampled := take(l, &l.f.Sample)
		if !counted || !sampled {
			return
		}
		if sample.Chats > 0 {
			need += int64(rawShare * float64(sample.Bytes) / float64(sample.Chats) * float64(c.Chats+c.Offline))
		}
	}
	l.see("%s are enough, attachments not counted", progress.Bytes(need))
	switch {
	case s.Total > 0 && s.Free < need:
		l.environment = true
		l.fail("The disk fills up before the run is complete; a run then stops cleanly, and can be resumed.", "make room, or choose another place")
	case s.Total > 0 && s.Free < 2*need:
		l.warn("The disk is more than half full at the end.", "see that nothing else fills it meanwhile")
	}
}
