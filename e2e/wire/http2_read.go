package wire

import (
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/net/http2"
)

// read takes the peer's frames until the connection ends.
func (c *Conn) read() {
	for {
		frame, err := c.framer.ReadFrame()
		var bad http2.StreamError
		c.mu.Lock()
		switch {
		case errors.As(err, &bad):
			if s := c.streams[bad.StreamID]; s != nil {
				s.finish(err)
			}
			err = nil
		case err == nil:
			err = c.take(frame)
		}
		if err != nil {
			c.err = fmt.Errorf("the connection ended: %w", err)
			for _, s := range c.streams {
				s.finish(c.err)
			}
			c.changed.Broadcast()
			c.mu.Unlock()
			return
		}
		c.changed.Broadcast()
		c.mu.Unlock()
	}
}

func (c *Conn) take(frame http2.Frame) error {
	s := c.streams[frame.Header().StreamID] // nil for the connection itself
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			return c.framer.WritePing(true, f.Data)
		}
	case *http2.WindowUpdateFrame:
		if s != nil {
			s.window += int64(f.Increment)
		} else if f.StreamID == 0 {
			c.window += int64(f.Increment)
		}
	case *http2.GoAwayFrame:
		for _, s := range c.streams {
			if s.ID > f.LastStreamID || f.ErrCode != http2.ErrCodeNo {
				s.finish(fmt.Errorf("the peer went away: %s", f.ErrCode))
			}
		}
	case *http2.MetaHeadersFrame:
		if s != nil {
			s.headers(f)
		}
	case *http2.DataFrame:
		if s != nil {
			s.body.Write(f.Data())
			if f.StreamEnded() {
				s.finish(nil)
			}
		}
	case *http2.RSTStreamFrame:
		if s != nil {
			s.reset(f.ErrCode)
		}
	}
	return nil
}

func (c *Conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
		for _, s := range c.streams {
			s.window += int64(v) - c.initial
		}
		c.initial = int64(v)
	}
	if v, ok := f.Value(http2.SettingMaxFrameSize); ok {
		c.maximum = int(v)
	}
	if v, ok := f.Value(http2.SettingHeaderTableSize); ok {
		c.encoder.SetMaxDynamicTableSizeLimit(v)
	}
	return c.framer.WriteSettingsAck()
}

func (s *Stream) headers(f *http2.MetaHeadersFrame) {
	fields := http.Header{}
	for _, field := range f.RegularFields() {
		fields.Add(field.Name, field.Value)
	}
	if s.response.Status == 0 {
		status, err := parseStatus(f.PseudoValue("status"))
		if err != nil {
			s.finish(err)
			return
		}
		if status >= 200 { // interim ones are skipped
			s.response.Status = status
			s.response.Header = fields
		}
	} else {
		s.response.Trailer = fields
	}
	if f.StreamEnded() {
		s.finish(nil)
	}
}

func (s *Stream) reset(code http2.ErrCode) {
	if s.response.Status == 0 {
		s.finish(fmt.Errorf("the peer reset the stream: %s", code))
		return
	}
	if !s.ended {
		s.response.Reset = code.String()
	}
	s.finish(nil)
}

// finish is called with the connection's lock held; the first call counts.
func (s *Stream) finish(err error) {
	if s.ended {
		return
	}
	s.ended = true
	s.err = err
	close(s.done)
}
