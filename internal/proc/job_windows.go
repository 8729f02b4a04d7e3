package proc

import (
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A jobObject is the Job Object that this process put itself into. Whatever it
// starts from then on is born in it, which Go could not have otherwise, and
// when the last handle to the job is closed, by our end in whatever way, the
// system kills all who are in it, if we asked for that.
//
// A process may be in many jobs, one inside the other, so a client that has
// one of its own is no hindrance.
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
	return jobObject{h}, nil // never closed: that is the point
})

// dieTogether says whether all in the job are to be killed when we end. A
// server may always start a process outside the job by saying so
// (CREATE_BREAKAWAY_FROM_JOB), as it may without us.
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

// alone says whether no process but ours is left in the job.
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
