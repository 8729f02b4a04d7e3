package export

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// syslogSink sends batches to syslog over TCP or TLS, with octet counting (RFC 6587, RFC
// 5425). Syslog confirms nothing. But a receiver that has read all of a connection closes
// it, too: so each batch has one of its own, and is taken when the receiver closes it. And
// another one stays open, with nothing on it: when it ends, the receiver has ended, and
// what it had just read may be lost.
type syslogSink struct {
	address *Address
	timeout time.Duration
	guard   net.Conn
	ended   chan struct{} // closed when the receiver has closed guard
	buf     []byte
}

// NewSyslog is a Sink that sends to syslog.
func NewSyslog(a *Address, timeout time.Duration) Sink {
	return &syslogSink{address: a, timeout: timeout}
}

func (s *syslogSink) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var d net.Dialer
	if s.address.TLS != nil {
		return (&tls.Dialer{NetDialer: &d, Config: s.address.TLS}).DialContext(ctx, "tcp", s.address.URL.Host)
	}
	return d.DialContext(ctx, "tcp", s.address.URL.Host)
}

func (s *syslogSink) Send(ctx context.Context, batch []Item) error {
	if s.guard != nil {
		select {
		case <-s.ended:
			s.guard.Close()
			s.guard = nil
			return &SendError{Err: fmt.Errorf("%s has closed its connection", s.address.URL.Host), What: Back}
		default:
		}
	}
	if s.guard == nil {
		c, err := s.dial(ctx)
		if err != nil {
			return &SendError{Err: err, What: Back}
		}
		ended := make(chan struct{})
		go func() {
			io.Copy(io.Discard, c)
			close(ended)
		}()
		s.guard, s.ended = c, ended
	}
	s.buf = s.buf[:0]
	for i := range batch {
		data := batch[i].Data
		s.buf = strconv.AppendInt(s.buf, int64(len(data)), 10)
		s.buf = append(append(s.buf, ' '), data...)
	}
	if err := s.exchange(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &SendError{Err: err, What: Back}
	}
	return nil
}

// exchange sends what is in buf on a connection of its own, and waits until the receiver
// closes it.
func (s *syslogSink) exchange(ctx context.Context) error {
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	c.SetDeadline(time.Now().Add(s.timeout))
	if _, err := c.Write(s.buf); err != nil {
		return err
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(c, maxAnswer))
	if err == nil || s.address.TLS != nil && errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("%s has not read all that it was sent within %s", s.address.URL.Host, s.timeout)
	}
	return err
}

func (s *syslogSink) Close() error {
	if s.guard != nil {
		s.guard.Close()
	}
	return nil
}
