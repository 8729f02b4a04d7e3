package chain

import "runtime"

const onWindows = runtime.GOOS == "windows"
