// Package export sends the records of a log to where others keep them: a file, an
// OpenTelemetry Collector, a server of syslog. What arrives can be verified: package
// verify puts it in order by its hashes.
//
// Each record is sent at least once, in the order of the log. An export reads the log and
// takes none of its locks, so no wrapper waits for it. Where it is, a [Cursor] keeps on
// the disk, and only after the receiver has taken what is before it.
//
//	export.go       Run: batches, retries, and going back
//	record.go       what travels of a record beside its line
//	cursor.go       where an export is, on the disk
//	file.go         to a file, or to standard output
//	otlphttp.go     to OTLP over HTTP
//	syslognet.go    to syslog over TCP or TLS
//	address.go      which addresses are taken, TLS, and headers
package export
