package deep

import (
	"context"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/verify"
)

// refetchAtOnce is how many chats are held at a time while they are compared.
const refetchAtOnce = 1000

// refetch asks for chats again and compares them with what their rows give back.
func (a *audit) refetch(ctx context.Context) error {
	all := a.ids()
	for done := 0; done < len(all); {
		batch := all[done:min(len(all), done+refetchAtOnce)]
		if err := a.refetchSome(ctx, batch); err != nil {
			return err
		}
		done += len(batch)
		a.o.Progress(int64(done), int64(len(all)))
	}
	return nil
}

func (a *audit) refetchSome(ctx context.Context, ids []string) error {
	chats, err := a.o.Account.Chats(ctx, ids)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	places, files := map[place]bool{}, map[string]bool{}
	err = a.holdings.eachChat(ctx, func(c *chat) error {
		if wanted[c.id] {
			places[c.place], files[c.file] = true, true
		}
		return nil
	})
	if err != nil {
		return err
	}
	newest := map[string]*rebuilt{} // where keys are not settled, there are several
	for _, g := range verify.Groups(a.o.Dataset, 0) {
		if !slices.ContainsFunc(g.Files, func(f *checkpoint.InventoryFile) bool { return files[f.Name] }) {
			continue
		}
		err := rebuild(ctx, a.o.Files, chatferry.Chats, g.Files, places, func(r *rebuilt) error {
			if r.value == nil {
				a.differs(Difference{Kind: Changed, Stream: chatferry.Chats, What: "it cannot be rebuilt from its rows: " + r.err.Error()})
				return nil
			}
			id := idOf(chatferry.Chats, r.value)
			if before := newest[id]; before == nil || newer(r, before) {
				newest[id] = r
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, id := range ids {
		if r := newest[id]; r != nil {
			a.compare(id, r, chats[id])
		}
	}
	return nil
}

func newer(r, than *rebuilt) bool {
	a, _ := changeOf(r.value)
	b, _ := changeOf(than.value)
	return a.After(b)
}

// compare holds a chat as the account gives it now against its row.
func (a *audit) compare(id string, r *rebuilt, raw []byte) {
	a.report.Refetched++
	if raw == nil {
		a.report.Gone++
		return
	}
	d := Difference{Kind: Changed, Stream: chatferry.Chats, ID: id, Place: "chats/" + id}
	now, err := parse(raw)
	if err != nil {
		d.What = "what the account gives is no record: " + err.Error()
		a.differs(d)
		return
	}
	there, okThere := changeOf(now)
	here, okHere := changeOf(r.value)
	held := r.value
	if now.member(changed) == nil {
		// Of old chats the export alone says when they changed.
		held, here, okHere = held.without([]string{changed}), there, okThere
	}
	switch same := now.fingerprint() == held.fingerprint(); {
	case same && len(r.wrong) == 0:
		a.report.Equal++
		a.tally(Tally{Source: 1, Bytes: int64(len(raw)), Equal: 1})
		return
	case same:
		d.Kind, d.Fields, d.What = Column, r.wrong, "what it gives back does not stand in the columns that are named after it"
	case okThere && !there.Before(a.report.Mark):
		a.report.Newer++
		return
	case okThere != okHere || !there.Equal(here):
		d.What = "the account has the version " + version(there, okThere) + ", the dataset that " + version(here, okHere)
	default:
		if a.o.Moved && onlyRenumbered(now, held) {
			a.report.Renumbered++
			return
		}
		var p paths
		p.compare(now, held, "")
		d.Fields, d.What = p, differs
	}
	a.differs(d)
}

func (a *audit) differs(d Difference) {
	a.found.add(d)
	a.tally(Tally{Source: 1, Changed: 1})
}
