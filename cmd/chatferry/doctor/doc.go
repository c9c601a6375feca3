// Package doctor says what stands between a legacy Zendesk Chat account and a clean upgrade.
//
//	gather      asks the account, or reads the dump, and what else was given: Facts
//	Facts       what was seen; each Fact is there, or says why it is not
//	Examine     judges the Facts, check by check: a Sheet
//	Sheet       as a table, as Markdown, as JSON
//
// # No look, no pass
//
// A check gets at a Fact by take alone, which writes down what is not there. A check that would pass without having seen
// all that it asked for is Unknown: that does not depend on how the check is written. What it found in the part that it
// saw stays found.
//
// # Persons
//
// Nothing of a record is shown, with one exception: where a check is about persons or integrations, and somebody has to
// act on each of them, it names them in Named, persons by name and e-mail address. Secrets are never decoded.
package doctor
