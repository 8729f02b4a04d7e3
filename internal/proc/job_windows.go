package proc

import (
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A jobObject is the Job Object that this process has put itself into. All
// processes that it starts from then on are created in it, which Go could not do
// otherwise. When the last handle to the job is closed, because this process has
// ended in any way, the system kills all processes in it, if that was requested.
//
// A process may be in many jobs, one inside the other, so a client with a job of
// its own does no harm.
type jobObject struct{ handle windows.Handle }

// ownJob makes the job, once: a process cannot leave it again.
var ownJob = sync.OnceValues(func() (jobObject, error) {
	h, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return jobObject{}, os.NewSyscallError("CreateJobObject", err)
	}
	if err := windows.AssignProcessToJobObject(h, windows.CurrentProcess()); err != nil {
		windows.CloseHandle(h)
		return jobObject{}, os.NewSyscallError("AssignProcessToJobObject", err)
	}
	return jobObject{h}, nil // never closed by us: its closing kills
})

// dieTogether says whether all processes in the job are killed when this one ends.
// A server can always start a process outside the job (CREATE_BREAKAWAY_FROM_JOB),
// as it can without us.
func (j jobObject) dieTogether(yes bool) error {
	info := new(windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION)
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK
	if yes {
		info.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	}
	var pin runtime.Pinner // the address goes as a number
	pin.Pin(info)
	defer pin.Unpin()
	_, err := windows.SetInformationJobObject(j.handle, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(info)), uint32(unsafe.Sizeof(*info)))
	return os.NewSyscallError("SetInformationJobObject", err)
}

// alone says whether this process is the only one left in the job.
func (j jobObject) alone() bool {
	// JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
	info := new(struct {
		times                                 [4]int64
		pageFaults, total, active, terminated uint32
	})
	var pin runtime.Pinner
	pin.Pin(info)
	defer pin.Unpin()
	err := windows.QueryInformationJobObject(j.handle, windows.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(info)), uint32(unsafe.Sizeof(*info)), nil)
	return err != nil || info.active <= 1
}
