// Package page shows a log in a browser on this machine: `signet-wrap audit view`. It
// reads, and writes nothing.
//
// [Server] is the HTTP server, on a port of 127.0.0.1 that the system chooses. Whoever
// can reach that port, other users and web pages among them, gets the page's code and
// nothing of the log: see server.go. The link that it is opened by has a token that
// counts once; the page exchanges it for another one, which it sends with each request
// and which no cookie has.
//
// The log is read once: it is verified, and of the verified records package history makes
// the rows of an index of some 150 bytes a call (index.go, read.go), from which lists,
// filters, sessions and the timeline are made (query.go). Then it is followed, and verified
// again when it has changed (check.go). What a call says in full is read from the log again,
// at its place (detail.go). Definitions of tools and their changes are read when somebody looks
// (tools.go).
//
// assets has the page: HTML, CSS and JavaScript as the browser gets them. common.css and
// common.js are also those of report.html.
package page
