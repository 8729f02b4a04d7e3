// Package mcpwire reads and writes the messages of the Model Context Protocol as
// they stand on a stdio pipe: lines and frames, which of them are calls and
// which are refused, the place of a receipt in a call, the responses in what a
// server writes, and error replies. It knows no files and no keys.
//
//	lines.go    the client's bytes, cut into lines; framing.go: Content-Length
//	gate.go     which messages are calls, which are refused; lenient.go: what
//	            a lenient reader could take for one
//	call.go     what one tools/call says
//	splice.go   the receipt into the line
//	reply.go    error replies
//	responses.go  the responses in what the server wrote: message.go reads one
//	              message as it streams, scan.go its grammar
//	response.go   what a response says; id.go: which request it is for
//	value.go    JSON, as far as the rest reads it
package mcpwire
