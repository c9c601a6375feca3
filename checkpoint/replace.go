package checkpoint

import (
	"context"
	"errors"
	"fmt"

	"chatferry"
)

// replacements stands for a Shard where a Publisher lists what is staged: the files that replaces add. No Shard has the
// id 0.
const replacements chatferry.ShardID = 0

// NextGeneration is the generation of the next replace. Files that are built for it carry it in their names.
func (r *Run) NextGeneration() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.facts.nextGeneration()
}

// Replace exchanges files of the Inventory for others, and moves records in the books:
//
//	append replace; publish each added file; append replace-done; remove each retired file; append removed
//
// All Lanes must have joined. The files to add are durable in staging, and were read back. The files to retire, and all
// files of Parts whose records move or are held by an added file, are in the Inventory and known to be published; the
// generation is NextGeneration. What does not fit, or would lose or double a record in the books, is refused and changes
// nothing.
//
// Whoever globs the tables sees every row at every instant, some of them twice between the first publication and the
// last removal. Inventory and books change with replace-done.
//
// After an error the replace is refused, or undone, or left in progress, and the next run carries it to its end: what it
// was about has to be planned anew from a Dataset that is loaded after the next Begin. One that wraps ErrStagingGone
// means that it was undone, and that it may be planned anew at once.
func (r *Run) Replace(ctx context.Context, body Replace) error {
	r.replaces.Lock()
	defer r.replaces.Unlock()
	err := r.announce(ctx, &body)
	if err == nil {
		err = r.finish(ctx)
	}
	if err == nil {
		err = r.removeDue(ctx)
	}
	if err != nil {
		// A newer run removes what this one has staged, and what it wants to retire.
		return chatferry.Worse(err, r.Overtaken(context.WithoutCancel(ctx)))
	}
	return nil
}

// announce checks a replace and appends its record.
func (r *Run) announce(ctx context.Context, body *Replace) error {
	if body.Retire == nil {
		body.Retire = []RetiredFile{}
	}
	if body.Add == nil {
		body.Add = []AddedFile{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.checkReplace(ctx, body)
	if err != nil {
		return &chatferry.Error{
			Kind: chatferry.KindOf(err), Op: "replace files", Place: fmt.Sprintf("(%s, generation %d)", body.Reason, body.Generation),
			Err: err, Hint: chatferry.HintOf(err),
		}
	}
	return r.appendFact(ctx, &Record{Kind: KindReplace, Replace: body})
}

// checkReplace holds a replace against the dataset as it is now; the caller holds the lock.
func (r *Run) checkReplace(ctx context.Context, body *Replace) error {
	switch open := r.facts.replacing(); {
	case r.fence != nil:
		return r.fence
	case open != nil:
		return fmt.Errorf("replace %d is in progress; the next run carries it to its end", open.Generation)
	case body.Generation != r.facts.nextGeneration():
		return fmt.Errorf("the next generation is %d", r.facts.nextGeneration())
	case len(body.Retire) == 0 && len(body.Add) == 0:
		return errors.New("it changes no file")
	}
	// What was read for an earlier replace is kept: only what is new in the logs is read.
	if r.known == nil {
		r.known = &Dataset{facts: r.facts}
	}
	d := r.known
	if err := d.readShards(ctx, r.cfg.Logs); err != nil {
		r.known = nil
		return err
	}
	d.whole = true
	if err := d.settle(); err != nil {
		return err
	}
	if _, err := d.account.check(body); err != nil {
		if errors.Is(err, errUnbalanced) {
			return chatferry.Errorf(chatferry.KindDiffers, "report this: it is a fault of chatferry; nothing was changed", "%w", err)
		}
		return err
	}
	if err := r.checkPublished(d.account, body); err != nil {
		return err
	}
	return r.checkStaged(ctx, body)
}

// checkPublished refuses Parts that may not be published yet. Of these a file could be gone from staging, and the Part
// be taken back when its Shard is opened, with what a replace has made of it.
func (r *Run) checkPublished(a *account, body *Replace) error {
	var spans []PartSpan
	for _, f := range body.Add {
		spans = append(spans, f.Parts...)
	}
	for _, f := range body.Retire {
		spans = append(spans, a.files[f.Name].Parts...)
	}
	for _, m := range body.Moves {
		spans = append(spans, PartSpan{m.Shard, m.Seq, m.Seq})
	}
	for _, span := range spans {
		var open *PartID
		a.each(span, func(id PartID) {
			if !a.parts[id].published && id.Seq > r.published[id.Shard] {
				open = &id
			}
		})
		if open != nil {
			return fmt.Errorf("part %d of shard %s is not known to be published; open the shard first", open.Seq, open.Shard)
		}
	}
	return nil
}

// checkStaged sees that every file to add is there.
func (r *Run) checkStaged(ctx context.Context, body *Replace) error {
	staged, err := r.cfg.Publisher.ListStaged(ctx, replacements)
	if err != nil {
		return explain("list what is staged for", "replaces", err)
	}
	there := map[string]bool{}
	for _, s := range staged {
		there[s.Ref] = true
	}
	for _, f := range body.Add {
		if !there[f.Staging] {
			return fmt.Errorf("%s is not staged for %s", f.Staging, f.Name)
		}
	}
	return nil
}

// finish carries the replace in progress, if there is one, to its replace-done, whoever announced it. If staged files are
// gone it is undone, and the error wraps ErrStagingGone. The caller holds r.replaces.
func (r *Run) finish(ctx context.Context) error {
	r.mu.Lock()
	var open *ReplaceState
	if f := r.facts.replacing(); f != nil {
		copied := *f
		open = &copied
	}
	r.mu.Unlock()
	if open == nil {
		return nil
	}
	for i := range open.Add {
		f := &open.Add[i].PartFile
		err := r.cfg.Publisher.Publish(ctx, *f)
		if errors.Is(err, chatferry.ErrStagingGone) {
			return r.undo(ctx, open, f.Name, err)
		}
		if err != nil {
			return explain("publish", f.Name, err)
		}
	}
	return r.append(ctx, &Record{Kind: KindReplaceDone, ReplaceDone: &ReplaceDone{Generation: open.Generation}})
}

// undo gives the replace in progress up. Its generation is not given again, since its names may have been seen.
func (r *Run) undo(ctx context.Context, open *ReplaceState, gone string, cause error) error {
	body := &ReplaceUndone{Generation: open.Generation, Gone: gone}
	if err := r.append(ctx, &Record{Kind: KindReplaceUndone, ReplaceUndone: body}); err != nil {
		return err
	}
	if err := r.removeDue(ctx); err != nil {
		return err
	}
	return &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: "publish", Place: gone, Err: cause,
		Hint: "nothing is lost; run the same command again, and see what removes files that are being written",
	}
}

// append appends to the dataset log.
func (r *Run) append(ctx context.Context, rec *Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.appendFact(ctx, rec)
}

// removeDue removes what ended replaces left: the files that they retired, once they need not be kept any longer, and
// those that they had added before they were undone. The caller holds r.replaces.
func (r *Run) removeDue(ctx context.Context) error {
	r.mu.Lock()
	due := r.facts.due(r.cfg.Now())
	r.mu.Unlock()
	if len(due) == 0 {
		return nil
	}
	removed := &Removed{}
	for i := range due {
		if err := r.remove(ctx, &due[i]); err != nil {
			return err
		}
		removed.Generations = append(removed.Generations, due[i].Generation)
	}
	return r.append(ctx, &Record{Kind: KindRemoved, Removed: removed})
}

// remove removes what one replace left. Every step can be repeated. Of what was added the staged file goes first: a run
// that was overtaken while it published can then no longer bring the final one back.
func (r *Run) remove(ctx context.Context, s *ReplaceState) error {
	pub := r.cfg.Publisher
	if s.Undone {
		for _, f := range s.Add {
			if err := pub.Unstage(ctx, chatferry.Staged{Ref: f.Staging, Shard: replacements, Epoch: s.Begun}); err != nil {
				return explain("remove", f.Staging, err)
			}
			if err := pub.Unpublish(ctx, f.PartFile); err != nil {
				return explain("remove", f.Name, err)
			}
		}
		return nil
	}
	for _, f := range s.Retire {
		file := chatferry.PartFile{Kind: f.Kind, Table: f.Table, Name: f.Name, Size: f.Size, Rows: f.Rows}
		if err := pub.Unpublish(ctx, file); err != nil {
			return explain("remove", f.Name, err)
		}
	}
	return nil
}

// recoverReplaces goes on from the last record of a replace, whoever wrote it, and removes what older runs staged for
// replaces that were never announced. An undone replace is no failure here: whoever planned it plans it anew.
func (r *Run) recoverReplaces(ctx context.Context) error {
	r.replaces.Lock()
	defer r.replaces.Unlock()
	if err := r.finish(ctx); err != nil && !errors.Is(err, chatferry.ErrStagingGone) {
		return err
	}
	if err := r.removeDue(ctx); err != nil {
		return err
	}
	_, err := sweepStaged(ctx, r.cfg.Publisher, replacements, r.w.epoch, r.uploads(), nil)
	return err
}

// clearReplaces refuses to end a run whose replace is in progress, and removes what may be removed by now, what this run
// staged for nothing included, where the store can tell.
func (r *Run) clearReplaces(ctx context.Context) error {
	r.replaces.Lock()
	defer r.replaces.Unlock()
	r.mu.Lock()
	open := r.facts.replacing()
	r.mu.Unlock()
	if open != nil {
		return &chatferry.Error{
			Op: "end the run", Err: fmt.Errorf("replace %d is in progress", open.Generation), Hint: "run the same command again",
		}
	}
	if err := r.removeDue(ctx); err != nil {
		return err
	}
	_, err := sweepStaged(ctx, r.cfg.Publisher, replacements, r.w.epoch+1, r.uploads(), nil)
	return err
}

// notePublished remembers that every Part of a Shard up to seq is published.
func (r *Run) notePublished(shard chatferry.ShardID, seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.published[shard] = max(r.published[shard], seq)
}
