// Package bundle writes and reads evidence bundles: a log, a range of it or some of its
// records in one zip file, with the keys, proofs and checkpoints by which a stranger
// checks them offline. FORMAT.md in this directory describes the bytes.
//
// [Write] makes a bundle. The same source makes the same bytes: no clock and no
// randomness is in it.
//
//	m, err := bundle.Write(ctx, file, &bundle.Source{Log: snapshot, Kind: bundle.Log, Files: keys, Signer: key})
//
// [Open] reads one that anybody may have made. It accepts only files that are as Write
// would have written them, from the first byte to the last: no other order, no comment,
// nothing between the entries, before or after them. So there are not two readers that
// see different things in it. Memory is limited, whatever the file says of itself.
//
// Open does not say what a bundle proves. [Bundle.Check] compares its files with its
// list of hashes, [Bundle.Signatures] says who signed that list, and
// [Bundle.Records] has the records with their proofs. Package internal/verify puts this
// together, as "signet-wrap verify BUNDLE.zip" prints it.
//
// # The page
//
// report.html shows a bundle in a browser. A bundle without it is its core, and a
// bundle of its own: [Write] makes the core, hands it to [Source].Report, and adds the
// page that this writes, with a signature of its own beside it. So a page can embed all
// that it shows: [Bundle.Core] is that file, and [Open] reads it, in WebAssembly too.
package bundle
