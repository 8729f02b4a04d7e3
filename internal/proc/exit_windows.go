package proc

import "syscall"

// Exit says how the server ended. Call it after Done. The code is the server's 32
// bits, also if they are an NTSTATUS: 0xC0000005 for a crash.
func (s *Server) Exit() Exit {
	ws := s.state.Sys().(syscall.WaitStatus)
	return Exit{Code: int(ws.ExitCode)}
}

// Mirror returns the exit status. Windows has no signals to end by.
func (e Exit) Mirror() int { return e.Code }
