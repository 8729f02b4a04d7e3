package config

import "slices"

// A Source says where the value of a setting comes from.
type Source string

const (
	Default Source = "default"
	System  Source = "system" // the system's file
	Home    Source = "home"   // the home's file
	Flag    Source = "flag"
	Locked  Source = "locked" // the system's file, which lets nothing else change it
)

// A Setting is a setting and the value that is in force.
type Setting struct {
	Name   string
	Values []string // nil: the default
	From   Source
	// Overridden is the value of the flag that a locked value takes the place of, if
	// it is another one; nil if there is none.
	Overridden []string
}

// Effective is the setting called name. flag is what the command line gives it, nil if
// it does not; system and home may be nil. The order is: locked, flag, home, system.
func Effective(name string, flag []string, home, system *File) Setting {
	of := func(f *File) []string {
		if f == nil {
			return nil
		}
		return f.Values[name]
	}
	s := Setting{Name: name, From: Default}
	switch {
	case system != nil && slices.Contains(system.Locked, name):
		s.Values, s.From = of(system), Locked
		if flag != nil && !slices.Equal(flag, s.Values) {
			s.Overridden = flag
		}
	case flag != nil:
		s.Values, s.From = flag, Flag
	case of(home) != nil:
		s.Values, s.From = of(home), Home
	case of(system) != nil:
		s.Values, s.From = of(system), System
	}
	return s
}
