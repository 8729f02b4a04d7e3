package envelope

import "strconv"

// A Resource is what all records of a request have in common.
type Resource struct {
	Version string      // of the program
	Extra   []Attribute // beside service.name and service.version
	// Later, if not nil, is asked before each request for one more, until it has it.
	Later func() (Attribute, bool)
}

// severities are the numbers and names of OpenTelemetry.
var severities = [...]struct {
	number int64
	text   string
}{{9, "INFO"}, {13, "WARN"}, {17, "ERROR"}}

// AppendRequestStart appends the beginning of an ExportLogsServiceRequest in JSON. After
// it come records with commas between them, and [RequestEnd].
func (r *Resource) AppendRequestStart(b []byte) []byte {
	if r.Later != nil {
		if a, ok := r.Later(); ok {
			r.Extra, r.Later = append(r.Extra, a), nil
		}
	}
	b = append(b, `{"resourceLogs":[{"resource":{"attributes":[`...)
	b = appendAttribute(b, Attribute{Key: "service.name", Text: "signet-wrap"})
	b = appendAttribute(append(b, ','), Attribute{Key: "service.version", Text: r.Version})
	for _, a := range r.Extra {
		b = appendAttribute(append(b, ','), a)
	}
	b = append(b, `]},"scopeLogs":[{"scope":{"name":"signet-wrap","version":`...)
	b = appendString(b, r.Version)
	return append(b, `},"logRecords":[`...)
}

// RequestEnd ends what AppendRequestStart began.
const RequestEnd = `]}]}]}`

// AppendOTLP appends a record as a LogRecord in JSON.
func (r *Record) AppendOTLP(b []byte) []byte {
	b = append(b, '{')
	if !r.Time.IsZero() {
		b = append(b, `"timeUnixNano":"`...)
		b = append(strconv.AppendInt(b, r.Time.UnixNano(), 10), `",`...)
	}
	s := severities[r.Severity]
	b = append(b, `"severityNumber":`...)
	b = strconv.AppendInt(b, s.number, 10)
	b = append(append(append(b, `,"severityText":"`...), s.text...), '"')
	if r.Line != nil {
		b = append(b, `,"body":{"stringValue":`...)
		b = append(appendString(b, r.Line), '}')
	}
	b = append(b, `,"attributes":[`...)
	for i, a := range r.allAttributes() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAttribute(b, a)
	}
	b = append(b, ']')
	if r.TraceID != "" {
		b = append(append(append(b, `,"traceId":"`...), r.TraceID...), '"')
	}
	if r.SpanID != "" {
		b = append(append(append(b, `,"spanId":"`...), r.SpanID...), '"')
	}
	return append(b, '}')
}

// allAttributes are those of the record, with those of the envelope.
func (r *Record) allAttributes() []Attribute {
	all := r.Attributes[:len(r.Attributes):len(r.Attributes)]
	all = append(all, Attribute{Key: "signet.kind", Text: r.Kind})
	if r.Hash != "" {
		all = append(all, Attribute{Key: RecordHash, Text: r.Hash}, Attribute{Key: PrevHash, Text: r.Prev})
	}
	if r.Line == nil {
		all = append(all, Attribute{Key: NotExported, Text: "true"}, Attribute{Key: Size, Number: int64(r.Size)})
	}
	if r.Selection {
		all = append(all, Attribute{Key: Selection, Text: "true"})
	}
	return all
}

func appendAttribute(b []byte, a Attribute) []byte {
	b = append(b, `{"key":`...)
	b = appendString(b, a.Key)
	if a.Text == "" {
		b = append(b, `,"value":{"intValue":"`...)
		return append(strconv.AppendInt(b, a.Number, 10), `"}}`...)
	}
	b = append(b, `,"value":{"stringValue":`...)
	return append(appendString(b, a.Text), `}}`...)
}
