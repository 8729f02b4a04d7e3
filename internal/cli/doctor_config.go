package cli

import (
	"fmt"

	"github.com/signet-wrap/signet-wrap/internal/config"
)

// configFindings say which settings are in force where a server is wrapped without
// flags, and where they come from; of those that have their defaults only with all.
func (k *configuration) configFindings(path string, flags map[string]string, all bool) (found []finding) {
	if k.systemErr != nil {
		found = append(found, finding{Check: "config", State: "repair", Says: k.systemErr.Error() + ": every call is refused", Do: "repair " + path + ", as root"})
	}
	if k.homeErr != nil {
		found = append(found, finding{Check: "config", State: "repair", Says: k.homeErr.Error() + ": it is ignored", Do: "repair it, or move it away"})
	}
	defaults := 0
	for _, s := range k.all(flags) {
		j := k.json(s)
		if s.From == config.Default && !all {
			defaults++
			continue
		}
		says := fmt.Sprintf("%s is %s, %s", s.Name, j, map[config.Source]string{
			config.Default: "by default", config.System: "from " + path, config.Locked: "locked by " + path,
			config.Home: "from " + k.dir.Config(), config.Flag: "from the command line", fromEnvironment: "from the environment",
		}[s.From])
		found = append(found, finding{Check: "config", State: "ok", Says: says, Setting: s.Name, Value: j.Value, From: s.From})
	}
	if !all && defaults == len(settingNames()) {
		found = append(found, finding{Check: "config", State: "ok", Says: "all settings have their defaults"})
	} else if !all {
		found = append(found, finding{Check: "config", State: "ok", Says: "all other settings have their defaults"})
	}
	return found
}
