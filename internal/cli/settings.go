package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/config"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// Settings are the flags of wrapping, and those of "anchor" that say how a log is
// anchored. Each can be given by a flag, the home's config.toml or the system's.

// anchorPrefix is before the names of the settings of anchoring.
const anchorPrefix = "anchor."

// anchorSettingFlags are the flags of "anchor" that config.toml can have, too: the
// only definition of them.
func anchorSettingFlags() []ucli.Flag {
	return []ucli.Flag{
		storeFlag(), &ucli.StringFlag{Name: "origin"}, &ucli.StringSliceFlag{Name: "witness"}, &ucli.IntFlag{Name: "quorum"},
		&ucli.StringFlag{Name: "tsa"}, &ucli.StringFlag{Name: "tsa-root", TakesFile: true}, &ucli.StringFlag{Name: "proxy"},
		&ucli.StringFlag{Name: "ca", TakesFile: true}, &ucli.BoolFlag{Name: "plain-http"},
	}
}

// exportPrefix is before the names of the settings of "audit export --follow": those that
// a machine's administrator decides.
const exportPrefix = "export."

func storeFlag() ucli.Flag { return &ucli.StringFlag{Name: "store", TakesFile: true} }

// settingNames are the names of all settings.
func settingNames() (names []string) {
	for _, f := range wrapFlags {
		names = append(names, f.name)
	}
	for _, f := range anchorSettingFlags() {
		names = append(names, anchorPrefix+f.Names()[0])
	}
	for _, f := range exportFlags() {
		names = append(names, exportPrefix+f.Names()[0])
	}
	return names
}

// configKeys are the keys of config.toml.
func configKeys() (keys []config.Key) {
	for _, f := range wrapFlags {
		k := config.Key{Name: f.name, Check: func(v string) error { return f.take(new(wrapSettings), v) }}
		switch f.value {
		case "":
			k.Kind = config.Switch
		case "GLOB":
			k.Kind = config.List
		case "DIR", "F":
			k.Kind = config.Path
		case "BYTES":
			k.Kind = config.Number
		}
		k.SystemOnly = f.name == "home" // the home's file is in it
		keys = append(keys, k)
	}
	keys = append(keys, config.Key{Name: retentionKey, SystemOnly: true, Check: func(v string) error { _, err := parseRetention(v); return err }})
	for _, f := range anchorSettingFlags() {
		k := config.Key{Name: anchorPrefix + f.Names()[0]}
		switch f := f.(type) {
		case *ucli.BoolFlag:
			k.Kind = config.Switch
		case *ucli.StringSliceFlag:
			k.Kind = config.List
		case *ucli.IntFlag:
			k.Kind, k.Check = config.Number, func(v string) error { _, err := strconv.Atoi(v); return err }
		case *ucli.StringFlag:
			if f.TakesFile {
				k.Kind = config.Path
			}
		}
		keys = append(keys, k)
	}
	for _, f := range exportFlags() {
		k := config.Key{Name: exportPrefix + f.Names()[0]}
		switch f := f.(type) {
		case *ucli.BoolFlag:
			k.Kind = config.Switch
		case *ucli.DurationFlag:
			k.Check = func(v string) error { _, err := time.ParseDuration(v); return err }
		case *ucli.StringFlag:
			if f.TakesFile {
				k.Kind = config.Path
			} else if f.Name == "max-body" {
				k.Kind, k.Check = config.Number, func(v string) error { _, err := parseBytes(v); return err }
			}
		}
		keys = append(keys, k)
	}
	return keys
}

// A configuration is what the two files say, and the home, which the system's file
// may name.
type configuration struct {
	system    *config.File
	systemErr error
	home      *config.File
	homeErr   error

	dir     home.Dir
	dirErr  error
	dirFrom config.Setting // From may be fromEnvironment
}

// fromEnvironment says that $SIGNET_HOME names the home.
const fromEnvironment config.Source = "environment"

// systemConfig reads the system's file, once.
func (c *command) systemConfig() (*config.File, error) {
	if !c.configRead {
		c.config, c.configErr = config.ReadSystem(c.SystemConfig, configKeys)
		c.configRead = true
	}
	return c.config, c.configErr
}

// configuration is that of where wrapping has this --home, "" if it is not given, and
// this environment.
func (c *command) configuration(homeFlag string, getenv func(string) string) *configuration {
	k := new(configuration)
	k.system, k.systemErr = c.systemConfig()
	var given []string
	switch {
	case homeFlag != "":
		given = []string{homeFlag}
	case getenv("SIGNET_HOME") != "":
		given = []string{getenv("SIGNET_HOME")}
	}
	k.dirFrom = config.Effective("home", given, nil, k.system)
	if k.dirFrom.From == config.Flag && homeFlag == "" {
		k.dirFrom.From = fromEnvironment
	}
	switch k.dirFrom.From {
	case config.Flag, fromEnvironment, config.Default:
		k.dir, k.dirErr = home.Find(homeFlag, getenv)
	default: // what is locked may be the default
		k.dir, k.dirErr = home.Find(slices.Concat(k.dirFrom.Values, []string{""})[0], func(string) string { return "" })
	}
	if k.dirErr == nil {
		k.readHome()
	}
	return k
}

// configurationOf is that of a home. The home "" has no file.
func (c *command) configurationOf(h home.Dir) *configuration {
	k := &configuration{dir: h, dirFrom: config.Setting{Name: "home", Values: []string{string(h)}, From: config.Flag}}
	k.system, k.systemErr = c.systemConfig()
	if h != "" {
		k.readHome()
	}
	return k
}

func (k *configuration) readHome() { k.home, k.homeErr = config.ReadHome(k.dir.Config(), configKeys) }

// setting is the setting called name; flag is what the command line gives it, nil if
// it does not.
func (k *configuration) setting(name string, flag []string) config.Setting {
	if name == "home" {
		return k.dirFrom
	}
	s := config.Effective(name, flag, k.home, k.system)
	if name == anchorPrefix+"store" && k.dir != "" && (s.From == config.Default || s.From == config.System) {
		// "anchor init" has the home name a store that is not in it.
		if dir, inHome := k.dir.Store(); !inHome {
			s.Values, s.From = []string{dir}, config.Home
		}
	}
	return s
}

// wrapping are the settings of wrapping with these flags.
func (k *configuration) wrapping(flags map[string]string) (list []config.Setting) {
	for _, f := range wrapFlags {
		var flag []string
		if v, ok := flags[f.name]; ok {
			if flag = []string{v}; f.list() {
				flag = strings.Split(v, "\n")
			}
		}
		list = append(list, k.setting(f.name, flag))
	}
	hashOnlyIsParams(list)
	return list
}

// hashOnlyIsParams has --hash-only set --params, whichever of the two is given with more
// right. Of two in one file hash-only counts: so less is recorded.
func hashOnlyIsParams(list []config.Setting) {
	rank := func(s *config.Setting) int {
		return slices.Index([]config.Source{config.Default, config.System, config.Home, config.Flag, config.Locked}, s.From)
	}
	at := func(name string) *config.Setting {
		return &list[slices.IndexFunc(list, func(s config.Setting) bool { return s.Name == name })]
	}
	params, hashOnly := at("params"), at(hashOnlyName)
	on := slices.Equal(hashOnly.Values, []string{"true"})
	switch meant := string(record.ParamsLog); {
	case hashOnly.From == config.Default:
	case rank(hashOnly) > rank(params), rank(hashOnly) == rank(params) && on:
		if on {
			meant = string(record.ParamsHash)
		}
		if params.From == config.Flag && params.Values[0] != meant {
			params.Overridden = params.Values
		}
		params.Values, params.From = []string{meant}, hashOnly.From
	case rank(params) == rank(hashOnly): // false, which is no more than not given
	default:
		means := slices.Equal(params.Values, []string{string(record.ParamsHash)})
		if hashOnly.From == config.Flag && on != means {
			hashOnly.Overridden = hashOnly.Values
		}
		hashOnly.Values, hashOnly.From = []string{strconv.FormatBool(means)}, params.From
	}
}

// all are all settings with these flags of wrapping.
func (k *configuration) all(flags map[string]string) []config.Setting {
	list := k.wrapping(flags)
	for _, f := range anchorSettingFlags() {
		list = append(list, k.setting(anchorPrefix+f.Names()[0], nil))
	}
	for _, f := range exportFlags() {
		list = append(list, k.setting(exportPrefix+f.Names()[0], nil))
	}
	return list
}

// recordedSettings are those of the list that are not the defaults, as the log has
// them. Key and target are in the receipts, and the rest is only of use here.
func recordedSettings(list []config.Setting) (recorded []event.Setting) {
	for _, s := range list {
		if s.From == config.Default || slices.Contains([]string{"key", "target", "home", "passphrase-file", "verbose", hashOnlyName}, s.Name) {
			continue
		}
		i := slices.IndexFunc(wrapFlags, func(f wrapFlag) bool { return f.name == s.Name })
		if value := slices.Concat(s.Values, []string{wrapFlags[i].initial})[0]; wrapFlags[i].list() {
			recorded = append(recorded, event.Setting{Name: s.Name, Value: strings.Join(s.Values, ", "), From: string(s.From)})
		} else if value != wrapFlags[i].initial {
			recorded = append(recorded, event.Setting{Name: s.Name, Value: value, From: string(s.From)})
		}
	}
	return recorded
}

// settingOf is the setting called name of the list, which has it.
func settingOf(list []config.Setting, name string) config.Setting {
	return list[slices.IndexFunc(list, func(s config.Setting) bool { return s.Name == name })]
}

// complainOverridden says which flags have no effect.
func (c *command) complainOverridden(list ...config.Setting) {
	for _, s := range list {
		if s.Overridden == nil {
			continue
		}
		flag, values := "--"+strings.TrimPrefix(strings.TrimPrefix(s.Name, anchorPrefix), exportPrefix), " "+strings.Join(s.Overridden, ", ")
		switch {
		case s.Name == "home" && s.Overridden[0] == c.Getenv("SIGNET_HOME"):
			flag = "$SIGNET_HOME"
		case values == " true":
			values = ""
		}
		to := "its default"
		if s.Values != nil {
			to = strings.Join(s.Values, ", ")
		}
		c.complain(fmt.Sprintf("%s%s has no effect: %s locks it to %s", flag, values, c.SystemConfig, to), "")
	}
}

// settingJSON is a setting as doctor and status show it.
type settingJSON struct {
	Value any           `json:"value"` // a string or strings; null: it depends on the command, the key or the log
	From  config.Source `json:"from"`
}

func (k *configuration) json(s config.Setting) settingJSON {
	j := settingJSON{From: s.From}
	switch {
	case s.Name == "home" && k.dirErr == nil:
		j.Value = string(k.dir)
	case s.Name == anchorPrefix+"witness", s.Name == hashOnlyToolName:
		j.Value = append([]string{}, s.Values...)
	case s.Values != nil:
		j.Value = s.Values[0]
	case s.Name == anchorPrefix+"store":
		j.Value = k.dir.Anchor()
	case s.Name == anchorPrefix+"plain-http":
		j.Value = "false"
	default:
		if i := slices.IndexFunc(wrapFlags, func(f wrapFlag) bool { return f.name == s.Name }); i >= 0 && wrapFlags[i].initial != "" {
			j.Value = wrapFlags[i].initial
		}
	}
	return j
}

func (j settingJSON) String() string {
	b, err := json.Marshal(j.Value)
	if err != nil || j.Value == nil {
		return "not set"
	}
	return string(b)
}

// anchoring are the values of the settings of anchoring, for a verb of "anchor".
type anchoring map[string][]string

// anchoring says what is in force for a verb of "anchor", and of what the command
// line gives, what is not.
func (c *command) anchoring(u *ucli.Context, h home.Dir) anchoring {
	k, a := c.configurationOf(h), make(anchoring)
	for _, f := range u.Command.Flags {
		name := f.Names()[0]
		if !slices.Contains(settingNames(), anchorPrefix+name) {
			continue
		}
		var given []string
		if u.IsSet(name) {
			if given = []string{fmt.Sprint(u.Value(name))}; len(u.StringSlice(name)) > 0 {
				given = u.StringSlice(name)
			}
		}
		s := k.setting(anchorPrefix+name, given)
		c.complainOverridden(s)
		if s.Values != nil {
			a[name] = s.Values
		}
	}
	return a
}

// has says whether the setting was given, even if its value is empty.
func (a anchoring) has(name string) bool { return len(a[name]) > 0 }

func (a anchoring) value(name string) string { return slices.Concat(a[name], []string{""})[0] }

// path is the value of a setting that is a path.
func (a anchoring) path(name string) (string, error) { return home.Expand(a.value(name)) }
