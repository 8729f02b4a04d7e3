package keychain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

// probe looks whether there is a session bus that answers. Without one godbus
// would run dbus-launch, which leaves a daemon running and finds no keychain.
func probe() error {
	address, err := busAddress()
	if err != nil {
		return err
	}
	// What is found is what godbus uses, and by it nothing else.
	os.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	conn, err := dbus.Connect(address) // with the bus's own greeting
	if err != nil {
		return fmt.Errorf("the session bus does not answer: %w", err)
	}
	return conn.Close()
}

// busAddress is where the session bus is: as the environment says, else at its
// usual place, for clients often leave the environment out.
func busAddress() (string, error) {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		for way := range strings.SplitSeq(address, ";") {
			// Others start a program ("autolaunch:", "unixexec:") or go far.
			if way != "" && !strings.HasPrefix(way, "unix:") {
				return "", errors.New("DBUS_SESSION_BUS_ADDRESS is not the address of a socket (unix:)")
			}
		}
		return address, nil
	}
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/run/user/" + strconv.Itoa(os.Getuid())} {
		bus := filepath.Join(dir, "bus")
		if st, err := os.Stat(bus); dir != "" && err == nil && st.Mode()&os.ModeSocket != 0 {
			return "unix:path=" + dbus.EscapeBusAddressValue(bus), nil
		}
	}
	return "", errors.New("there is no session bus: DBUS_SESSION_BUS_ADDRESS is not set, and there is none in $XDG_RUNTIME_DIR")
}
