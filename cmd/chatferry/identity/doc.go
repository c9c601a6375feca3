// Package identity tells which agent and which department of the upgraded account is which of the legacy one. Both get
// other ids in the upgrade, so that chats read before it and after it do not join without a map.
//
// # The maps
//
// A dataset keeps them as tables of their own, agent_map and department_map, with a row for each agent or department of
// either side:
//
//	legacy_id     what it was called before; null: it is there since the upgrade
//	upgraded_id   what it is called since; null: see status
//	email         of agents, case folded; of departments name, as it is. That of the legacy side, if there is one;
//	              upgraded_email or upgraded_name is that of the upgraded side
//	status        matched    the two are one
//	              ambiguous  several of one side could be it
//	              missing    the upgraded account has none with its e-mail or name
//	              no_email   it has none (no_name of departments)
//	              new        the legacy account has none
//	matched_by    file, support_group_id, email or name
//	legacy_role   of agents: owner, administrator, agent, or the name of a custom one
//	role          of agents: what becomes of it, null for a custom one; role_note says why where it changes
//
// Nothing is guessed. What a file of pairs says counts most; then, of departments, that the legacy one names the group that
// it belongs to; then an e-mail or a name that one on each side has, and no second one on either.
//
// # Where they come from
//
// The legacy side is what the tables agents, departments and roles hold of runs that read a legacy account or a dump, and
// what the maps held before: an agent who left the account still stands in old chats. The upgraded side is an account that
// is asked, or a CSV file, or what runs have read since the account was upgraded, or what the maps held before.
//
// # Why a kill does not show
//
// The maps are a function of these, and exchanged in a replace before anything is filled. The columns NAME_upgraded are a
// function of the maps that the dataset holds and of the ids that were read, filled by replaces alone (package settle): a
// Part is committed with nulls, whatever is known by then. So a run that was killed and resumed leaves the bytes of one that
// was not, a source record is rebuilt as before, and the digests of records do not change, while those of values do.
package identity
