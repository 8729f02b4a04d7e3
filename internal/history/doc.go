// Package history tells what a log is the history of: calls, each with what came
// of it, and what happened to the log itself. It reads; it prints nothing and knows no
// flags.
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
// [List] lists what a [Filter] asks for, a [Row] for each call. [Find] finds all
// that is known of one record.
package history
