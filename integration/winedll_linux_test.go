package integration

import (
	"bytes"
	bin "encoding/binary"
)

// forwardingDLL is a Windows library for amd64 without any code: its one
// function is another library's ("advapi32.SystemFunction036").
//
// The format is that of learn.microsoft.com/windows/win32/debug/pe-format.
func forwardingDLL(name, function, target string) []byte {
	const (
		address  = 0x1000 // of the one section, when loaded
		fileUnit = 0x200
	)
	put := func(b *bytes.Buffer, values ...any) {
		for _, v := range values {
			bin.Write(b, bin.LittleEndian, v)
		}
	}

	// The export directory, its three tables of one entry each, the names.
	const functions, names, ordinals, text = address + 40, address + 44, address + 48, address + 50
	functionText := uint32(text + len(name) + 1)
	targetText := functionText + uint32(len(function)+1)
	var exports bytes.Buffer
	put(&exports, uint32(0), uint32(0), uint32(0)) // flags, time, version
	put(&exports, uint32(text), uint32(1))         // name, first ordinal
	put(&exports, uint32(1), uint32(1))            // functions, names
	put(&exports, uint32(functions), uint32(names), uint32(ordinals))
	put(&exports, targetText, functionText, uint16(0))
	exports.WriteString(name + "\x00" + function + "\x00" + target + "\x00")
	size := uint32(exports.Len())

	var b bytes.Buffer
	dos := make([]byte, 64)
	copy(dos, "MZ")
	dos[60] = 64 // where the rest begins
	b.Write(dos)
	b.WriteString("PE\x00\x00")
	put(&b, uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0)) // amd64, one section
	put(&b, uint16(240), uint16(0x2022))                                // a library

	put(&b, uint16(0x20b), uint16(0), uint32(0), uint32(fileUnit), uint32(0), uint32(0), uint32(address))
	put(&b, uint64(0x180000000), uint32(0x1000), uint32(fileUnit))
	put(&b, uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0)) // Windows 6.0
	put(&b, uint32(2*0x1000), uint32(fileUnit), uint32(0), uint16(3), uint16(0x160))
	put(&b, uint64(1<<20), uint64(1<<12), uint64(1<<20), uint64(1<<12)) // stack, heap
	put(&b, uint32(0), uint32(16), uint32(address), size)               // the first of 16 directories
	put(&b, [15]uint64{})

	put(&b, [8]byte{'.', 'r', 'd', 'a', 't', 'a'}, size, uint32(address), uint32(fileUnit), uint32(fileUnit))
	put(&b, uint32(0), uint32(0), uint32(0), uint32(0x40000040)) // data, to be read

	b.Write(make([]byte, fileUnit-b.Len()))
	b.Write(exports.Bytes())
	b.Write(make([]byte, 2*fileUnit-b.Len()))
	return b.Bytes()
}
