// Package history brings calls and what came of them together. It reads; it
// prints nothing and knows no flags.
//
// [Join] and [Backward] hold the rules, for readings of a log in both directions:
//   - only what was verified counts;
//   - a response counts if its signer, session, tool, target and time of the
//     request are those of its call;
//   - an entry of an unanswered event counts if its signer and session are;
//   - the first that counts is the outcome, and each further one is said to be one;
//   - a receipt that stands in the log again is a copy, and no second call.
package history
