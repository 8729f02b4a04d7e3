package install

// A Client is a program that starts MCP servers, and where it keeps which.
//
// Paths are templates, with slashes: "~" is the home directory, "$CONFIG" where
// the system has programs keep their settings (os.UserConfigDir), "$NAME" an
// environment variable with a fixed fallback (see variables), "*" any name. One
// that begins with "linux:", "darwin:" or "windows:" is for that system only.
type Client struct {
	Name     string // for --client
	Label    string // for a person
	Format   Format
	Pointers []Pointer
	Files    []string
	Project  []string // within a project's directory
	Managed  []string // set by an administrator: listed, never touched
	// Directories of the client's own extensions, some of which start servers.
	Extensions string
	// Programs that may write the files while they run, by what the system
	// calls them.
	Rewrites []string
	// It asks the person again before it starts a server that has changed.
	Approves bool
}

// variables are the environment variables of templates: what is written for one
// that is not set.
var variables = map[string]string{
	"$XDG_CONFIG_HOME":   "~/.config",
	"$APPDATA":           "~/AppData/Roaming",
	"$LOCALAPPDATA":      "~/AppData/Local",
	"$PROGRAMDATA":       "C:/ProgramData",
	"$CLAUDE_CONFIG_DIR": "~",
	"$CLAUDE_SETTINGS":   "~/.claude",
	"$CODEX_HOME":        "~/.codex",
	"$COPILOT_HOME":      "~/.copilot",
	"$QWEN_HOME":         "~/.qwen",
}

var (
	mcpServers = []Pointer{{"mcpServers"}}
	servers    = []Pointer{{"servers"}}
)

// editors are where VS Code and what is made of it keep a user's files: on this
// machine, and on one that they reach by SSH, in a container or in WSL.
var editors = []string{
	"$CONFIG/Code/User/", "$CONFIG/Code - Insiders/User/", "$CONFIG/VSCodium/User/",
	"$CONFIG/Cursor/User/", "$CONFIG/Windsurf/User/", "$CONFIG/Antigravity/User/",
	"~/.vscode-server/data/User/", "~/.vscode-server-insiders/data/User/", "~/.vscodium-server/data/User/",
	"~/.cursor-server/data/User/", "~/.windsurf-server/data/User/", "~/.vscode-remote/data/User/",
}

// stored is the file of an extension, which may be in each of the editors.
func stored(file string) (files []string) {
	for _, e := range editors {
		files = append(files, e+"globalStorage/"+file)
	}
	return files
}

// knownClient is the client of the table, nil if there is none of that name.
func knownClient(name string) *Client {
	for i := range Clients {
		if Clients[i].Name == name {
			return &Clients[i]
		}
	}
	return nil
}

// Clients is the table. docs/CLIENTS.md is for people what this is for us.
var Clients = []Client{{
	Name: "claude-code", Label: "Claude Code", Format: JSON,
	Pointers: []Pointer{{"mcpServers"}, {"projects", "*", "mcpServers"}},
	Files:    []string{"$CLAUDE_CONFIG_DIR/.claude.json"},
	Project:  []string{".mcp.json"},
	Managed: []string{"linux:/etc/claude-code/managed-mcp.json",
		"darwin:/Library/Application Support/ClaudeCode/managed-mcp.json",
		"windows:C:/Program Files/ClaudeCode/managed-mcp.json"},
	Rewrites: []string{"claude", "claude.exe"},
}, {
	Name: "claude-desktop", Label: "Claude Desktop", Format: JSON, Pointers: mcpServers,
	Files: []string{"$CONFIG/Claude/claude_desktop_config.json",
		// Installed from the store, it sees this directory where it asks for the other.
		"windows:$LOCALAPPDATA/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json"},
	Extensions: "$CONFIG/Claude/Claude Extensions/*",
	Rewrites:   []string{"Claude", "Claude.exe", "claude.exe", "claude-desktop"},
}, {
	Name: "cursor", Label: "Cursor", Format: JSON, Pointers: mcpServers,
	Files:    []string{"~/.cursor/mcp.json"},
	Project:  []string{".cursor/mcp.json"},
	Approves: true,
}, {
	Name: "vscode", Label: "VS Code", Format: JSON, Pointers: servers,
	Files: []string{"$CONFIG/Code/User/mcp.json", "$CONFIG/Code/User/profiles/*/mcp.json",
		// Where it is reached by SSH, in WSL and in a container; in Codespaces.
		"~/.vscode-server/data/User/mcp.json", "~/.vscode-remote/data/User/mcp.json"},
	Project:  []string{".vscode/mcp.json"},
	Approves: true,
}, {
	Name: "vscode-insiders", Label: "VS Code Insiders", Format: JSON, Pointers: servers,
	Files: []string{"$CONFIG/Code - Insiders/User/mcp.json", "$CONFIG/Code - Insiders/User/profiles/*/mcp.json",
		"~/.vscode-server-insiders/data/User/mcp.json"},
	Approves: true,
}, {
	Name: "vscodium", Label: "VSCodium", Format: JSON, Pointers: servers,
	Files: []string{"$CONFIG/VSCodium/User/mcp.json", "$CONFIG/VSCodium/User/profiles/*/mcp.json",
		"~/.vscodium-server/data/User/mcp.json"},
	Approves: true,
}, {
	Name: "copilot-cli", Label: "Copilot CLI", Format: JSON, Pointers: mcpServers,
	Files:   []string{"$COPILOT_HOME/mcp-config.json"},
	Project: []string{".mcp.json", ".github/mcp.json"},
}, {
	Name: "copilot-jetbrains", Label: "Copilot in JetBrains IDEs", Format: JSON,
	Pointers: []Pointer{{"servers"}, {"mcpServers"}},
	Files: []string{"linux:$XDG_CONFIG_HOME/github-copilot/intellij/mcp.json", "darwin:~/.config/github-copilot/intellij/mcp.json",
		"windows:$LOCALAPPDATA/github-copilot/intellij/mcp.json"},
}, {
	Name: "jetbrains", Label: "JetBrains AI Assistant", Format: JSON, Pointers: mcpServers,
	Files:   []string{"~/.ai/mcp/mcp.json"},
	Project: []string{".ai/mcp/mcp.json", ".air/mcp.json"},
}, {
	Name: "codex", Label: "Codex", Format: TOML, Pointers: []Pointer{{"mcp_servers"}},
	Files:   []string{"$CODEX_HOME/config.toml"},
	Project: []string{".codex/config.toml"},
}, {
	Name: "gemini", Label: "Gemini CLI", Format: JSON, Pointers: mcpServers,
	Files:   []string{"~/.gemini/settings.json"},
	Project: []string{".gemini/settings.json"},
	Managed: []string{"linux:/etc/gemini-cli/settings.json",
		"darwin:/Library/Application Support/GeminiCli/settings.json",
		"windows:$PROGRAMDATA/gemini-cli/settings.json"},
}, {
	Name: "antigravity", Label: "Antigravity", Format: JSON, Pointers: mcpServers,
	Files: []string{"~/.gemini/config/mcp_config.json",
		// Before there was one file for the editor and the command line.
		"~/.gemini/antigravity/mcp_config.json", "~/.gemini/antigravity-cli/mcp_config.json"},
	Project: []string{".agents/mcp_config.json"},
}, {
	Name: "qwen", Label: "Qwen Code", Format: JSON, Pointers: mcpServers,
	Files:   []string{"$QWEN_HOME/settings.json"},
	Project: []string{".qwen/settings.json"},
	Managed: []string{"linux:/etc/qwen-code/settings.json", "linux:/etc/qwen-code/system-defaults.json",
		"darwin:/Library/Application Support/QwenCode/settings.json",
		"darwin:/Library/Application Support/QwenCode/system-defaults.json",
		"windows:$PROGRAMDATA/qwen-code/settings.json", "windows:$PROGRAMDATA/qwen-code/system-defaults.json"},
}, {
	Name: "windsurf", Label: "Windsurf", Format: JSON, Pointers: mcpServers,
	Files: []string{"~/.codeium/windsurf/mcp_config.json"},
}, {
	Name: "cline", Label: "Cline", Format: JSON, Pointers: mcpServers,
	Files: append([]string{"~/.cline/data/settings/cline_mcp_settings.json"},
		stored("saoudrizwan.claude-dev/settings/cline_mcp_settings.json")...),
}, {
	Name: "roo", Label: "Roo Code", Format: JSON, Pointers: mcpServers,
	Files:   stored("rooveterinaryinc.roo-cline/settings/mcp_settings.json"),
	Project: []string{".roo/mcp.json"},
}, {
	Name: "kilo", Label: "Kilo Code", Format: JSON, Pointers: []Pointer{{"mcp"}, {"mcpServers"}},
	Files: append([]string{"$XDG_CONFIG_HOME/kilo/kilo.jsonc", "$XDG_CONFIG_HOME/kilo/kilo.json", "$XDG_CONFIG_HOME/kilo/config.json",
		// Before its version 5.
		"~/.kilocode/cli/global/settings/mcp_settings.json"},
		stored("kilocode.kilo-code/settings/mcp_settings.json")...),
	Project: []string{"kilo.jsonc", "kilo.json", ".kilo/kilo.jsonc", ".kilo/kilo.json", ".kilocode/mcp.json"},
}, {
	Name: "amazon-q", Label: "Amazon Q Developer", Format: JSON, Pointers: mcpServers,
	Files: []string{"~/.aws/amazonq/mcp.json", "~/.aws/amazonq/default.json",
		"~/.aws/amazonq/agents/*.json", "~/.aws/amazonq/cli-agents/*.json"},
	Project: []string{".amazonq/mcp.json", ".amazonq/default.json", ".amazonq/agents/*.json", ".amazonq/cli-agents/*.json"},
}, {
	Name: "crush", Label: "Crush", Format: JSON, Pointers: []Pointer{{"mcp"}},
	Files: []string{"linux:$XDG_CONFIG_HOME/crush/crush.json", "darwin:$XDG_CONFIG_HOME/crush/crush.json",
		"windows:$LOCALAPPDATA/crush/crush.json", "~/.local/share/crush/crush.json"},
	Project: []string{"crush.json", ".crush.json"},
}, {
	Name: "zed", Label: "Zed", Format: JSON, Pointers: []Pointer{{"context_servers"}},
	Files: []string{"linux:$XDG_CONFIG_HOME/zed/settings.json", "darwin:~/.config/zed/settings.json",
		"windows:$APPDATA/Zed/settings.json"},
	Project: []string{".zed/settings.json"},
}, {
	Name: "lm-studio", Label: "LM Studio", Format: JSON, Pointers: mcpServers,
	Files: []string{"~/.lmstudio/mcp.json", "~/.cache/lm-studio/mcp.json"},
}, {
	Name: "kiro", Label: "Kiro", Format: JSON, Pointers: mcpServers,
	Files:   []string{"~/.kiro/settings/mcp.json"},
	Project: []string{".kiro/settings/mcp.json"},
}, {
	Name: "junie", Label: "Junie", Format: JSON, Pointers: mcpServers,
	Files:   []string{"~/.junie/mcp/mcp.json"},
	Project: []string{".junie/mcp/mcp.json"},
}, {
	Name: "opencode", Label: "opencode", Format: JSON, Pointers: []Pointer{{"mcp"}, {"mcp", "servers"}},
	Files: []string{"$XDG_CONFIG_HOME/opencode/opencode.json", "$XDG_CONFIG_HOME/opencode/opencode.jsonc",
		"$XDG_CONFIG_HOME/opencode/config.json"},
	Project: []string{"opencode.json", "opencode.jsonc"},
}, {
	Name: "factory", Label: "Factory", Format: JSON, Pointers: mcpServers,
	Files:   []string{"~/.factory/mcp.json"},
	Project: []string{".factory/mcp.json"},
}, {
	Name: "warp", Label: "Warp", Format: JSON, Pointers: mcpServers,
	Files:   []string{"~/.warp/.mcp.json"},
	Project: []string{".warp/.mcp.json"},
}, {
	Name: "amp", Label: "Amp", Format: JSON, Pointers: []Pointer{{"amp.mcpServers"}},
	Files: []string{"$XDG_CONFIG_HOME/amp/settings.json", "$XDG_CONFIG_HOME/amp/settings.jsonc",
		"windows:$APPDATA/amp/settings.json"},
	Project: []string{".amp/settings.json"},
}, {
	Name: "goose", Label: "Goose", Format: YAML, Pointers: []Pointer{{"extensions"}},
	Files: []string{"linux:$XDG_CONFIG_HOME/goose/config.yaml", "darwin:~/.config/goose/config.yaml",
		"windows:$APPDATA/Block/goose/config/config.yaml"},
}, {
	Name: "continue", Label: "Continue", Format: YAML, Pointers: mcpServers,
	Files:   []string{"~/.continue/config.yaml", "~/.continue/mcpServers/*.yaml"},
	Project: []string{".continue/mcpServers/*.yaml"},
}}
