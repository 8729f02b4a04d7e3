package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

const openFlags = 0

func systemFile() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		dir = `C:\ProgramData` // where it is unless somebody moved it
	}
	return filepath.Join(dir, "signet-wrap", "config.toml")
}

// administrators says what is wrong if others than administrators, the system and
// Windows' installer could have written the file at path, or put another in its place.
// Every user can make directories in ProgramData, and is then their owner.
func administrators(path string) error {
	const change = windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_ALL
	if err := adminsAlone(filepath.Dir(path), change|fileDeleteChild); err != nil {
		return err
	}
	return adminsAlone(path, change|windows.GENERIC_WRITE|windows.FILE_WRITE_DATA|windows.FILE_APPEND_DATA)
}

// fileDeleteChild is FILE_DELETE_CHILD of winnt.h: deleting what is in a directory.
const fileDeleteChild = 0x40

// adminsAlone says what is wrong if the file's owner is no administrator, or if its
// access list gives any of the rights to somebody who is none.
func adminsAlone(path string, rights windows.ACCESS_MASK) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	if !isAdmin(owner) {
		return fmt.Errorf("%s belongs to %s, who is not Administrators", path, owner)
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	if acl == nil {
		return fmt.Errorf("everybody can write %s", path)
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			return err
		}
		switch {
		case ace.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE, ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0:
			continue
		case ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE:
			return errors.New("its access list has an entry of a type that is not understood")
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		if ace.Mask&rights != 0 && !isAdmin(sid) {
			return fmt.Errorf("%s can write %s", sid, path)
		}
	}
	return nil
}

// trustedInstaller owns what Windows has installed.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

func isAdmin(sid *windows.SID) bool {
	return sid.IsWellKnown(windows.WinBuiltinAdministratorsSid) || sid.IsWellKnown(windows.WinLocalSystemSid) || sid.String() == trustedInstaller
}

// ours: a home's file is private by the access list of its directory.
func ours(string, fs.FileInfo) error { return nil }
