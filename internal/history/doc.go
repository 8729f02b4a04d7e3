// Package history lists what a log has: calls with their outcomes, and events about the
// log itself. It reads; it prints nothing and knows no flags.
//
// Only what was signed is believed. A [Record] counts as what it says if its hash
// and its signature are good; any other is listed for what it is and changes
// nothing: no time, no outcome, no other row. Whether the keys are known, and
// whether the log is whole, is for package verify to say.
//
// [Join] and [Backward] hold the rules by which calls and responses belong
// together, for readings of the log in both directions:
//   - a response counts if its signer, session, tool, target and time of the
//     request are those of its call;
//   - an entry of an unanswered event counts if its signer and session are;
//   - the first that counts is the outcome, and each further one is said to be one;
//   - a receipt that is in the log again is a copy, and no second call.
//
// # What to call
//
//	List          the rows that a Filter asks for: a Row for each call
//	Records       the records that a Filter asks for, as they are
//	Each          what a function makes of these records, on all cores
//	Follow        rows as records are appended (chain.Tail)
//	Find          all that is known of one record
//	Stats         numbers of calls, by tool, client, day and more
//	ToolVersions  definitions of tools, and when they changed
//	Row.View      a row as an object for programs
//
// # Files
//
//	list.go          List and Records
//	newest.go        rows of records that are read newest first
//	window.go        rows of records that are read oldest first
//	follow.go        Follow
//	find.go          Find
//	stats.go         Stats
//	toolversions.go  ToolVersions
//	record.go        Record: whether one is believed
//	row.go           Row: a call with its outcome
//	view.go          View: a row for programs
//	context.go       Context: who made a call, where, with which client
//	filter.go        Filter
//	prefilter.go     Filter on the bytes of a record, before it is parsed
//	fold.go          texts without regard to case
//	choose.go        Chosen: records by their places
//	each.go          Each
//	join.go          Join: which response is for which call
//	backward.go      Backward: the same, newest record first
//	recent.go        a map that forgets its oldest entries
package history
