// Package mcpwire reads and writes messages of the Model Context Protocol on a
// stdio pipe: lines and frames, which of them are calls and which are refused, the
// place of a receipt in a call, the responses in a server's output, and error
// replies. It knows no files and no keys.
//
//	lines.go      the client's bytes, cut into lines
//	framing.go    frames with Content-Length
//	gate.go       which messages are calls, and which are refused
//	lenient.go    what a lenient parser could take as a call
//	call.go       what one tools/call says
//	clientids.go  the client's own ids in a call
//	splice.go     the receipt into the line
//	cosign.go     a receipt into a result, and out of it
//	reply.go      error replies
//	responses.go  the responses in a server's output
//	message.go    one message, as it streams
//	scan.go       the grammar of JSON, as it streams
//	response.go   what a response says
//	id.go         which request a response is for
//	value.go      parsed JSON, with the places of its values
package mcpwire
