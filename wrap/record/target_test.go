package record

import (
	"strings"
	"testing"
)

// TestTarget: commands as in clients' configurations.
func TestTarget(t *testing.T) {
	for _, c := range []struct {
		command string // a word an argument; ␣ is a space inside one
		want    string
	}{
		{``, ``},
		{`github-mcp-server stdio`, `mcp://github-mcp-server`},
		{`/usr/local/bin/github-mcp-server stdio`, `mcp://github-mcp-server`},
		{`./bin/weather`, `mcp://weather`},
		{`C:\Program␣Files\Weather\server.exe --port 1`, `mcp://Weather`},
		{`C:\tools\weather.exe`, `mcp://weather`},

		{`npx -y @modelcontextprotocol/server-filesystem /data`, `mcp://server-filesystem`},
		{`npx -y @modelcontextprotocol/server-filesystem@2025.8.21 /data /home/me`, `mcp://server-filesystem`},
		{`npx @playwright/mcp@latest --browser firefox`, `mcp://playwright`},
		{`npx @playwright/mcp --browser firefox`, `mcp://playwright`},
		{`npx -y mcp-remote https://x.example/sse --header Authorization:Bearer␣sk-secret`, `mcp://x.example`},
		{`npx -y mcp-remote@latest https://me:secret@x.example:8443/s/secret/mcp?key=secret --allow-http`, `mcp://x.example:8443`},
		{`npx mcp-remote http://localhost:3000/sse`, `mcp://localhost:3000`},
		{`npx -y mcp-remote http://[::1]:3000/sse`, `mcp://--1:3000`},
		{`npx -y mcp-remote ${SECRET_URL}`, `mcp://mcp-remote`},
		{`bunx mcp-remote@0.1.18 https://x.example/sse --header Authorization:${AUTH}`, `mcp://x.example`},
		{`uvx mcp-proxy --transport streamablehttp -e TOKEN secret https://x.example/mcp/`, `mcp://x.example`},
		{`uvx --from mcp-proxy mcp-proxy https://x.example/mcp/`, `mcp://x.example`},
		{`mcp-proxy --port 8080 -- uvx mcp-server-git`, `mcp://mcp-server-git`},
		{`npx -y supergateway --streamableHttp https://x.example/mcp`, `mcp://x.example`},
		{`npx -y supergateway --sse=https://x.example/secret/mcp`, `mcp://x.example`},
		{`npx -y supergateway --stdio npx␣x␣secret`, `mcp://supergateway`},
		{`fastmcp run https://x.example/mcp`, `mcp://x.example`},
		{`docker run -i --rm node:22 npx -y mcp-remote https://x.example/sse`, `mcp://x.example`},
		{`cmd /c npx -y mcp-remote https://x.example/sse`, `mcp://x.example`},
		{`cmd /c npx␣-y␣mcp-remote␣https://x.example/sse`, `mcp://x.example`},
		{`npx -y @smithery/cli@latest run @smithery-ai/github --key secret`, `mcp://github`},

		{`ssh build.example mcp-server-git --repository /secret`, `mcp://mcp-server-git`},
		{`ssh -T -p 2222 -i /x/secret -o BatchMode=yes me@build.example npx -y @scope/server-x secret`, `mcp://server-x`},
		{`ssh -T me@build.example cd␣/srv␣&&␣TOKEN=secret␣exec␣uvx␣mcp-server-git`, `mcp://mcp-server-git`},
		{`ssh build.example docker run -i --rm mcp/fetch`, `mcp://fetch`},
		{`ssh -oBatchMode=yes secretuser@build.example`, `mcp://build.example`},
		{`ssh -o ProxyCommand=x build.example $(secret)`, `mcp://ssh`},
		{`signet-wrap -- npx -y @scope/server-x secret`, `mcp://server-x`},
		{`/usr/bin/signet-wrap check --home /secret --missing refuse -- npx -y @scope/server-x`, `mcp://server-x`},
		{`npx -y signet-wrap@1 check --pubkey ./a.pub -- uvx mcp-server-git`, `mcp://mcp-server-git`},
		{`ssh build.example signet-wrap check -- docker run -i --rm mcp/fetch`, `mcp://fetch`},
		{`signet-wrap check -- signet-wrap -- ./bin/weather`, `mcp://weather`},
		{`signet-wrap --version`, `mcp://signet-wrap`},
		{`signet-wrap check --`, `mcp://signet-wrap`},

		{`npx -p @a/tools tool-name`, `mcp://tool-name`},
		{`npx --package=@a/tools tool-name`, `mcp://tool-name`},
		{`npx --registry https://me:secret@r.example/ -y foo`, `mcp://foo`},
		{`npx -y github:someone/weather#main`, `mcp://weather`},
		{`npx -y https://me:secret@x.example/weather.tgz?token=secret`, `mcp://weather.tgz`},
		{`npx -y git+https://secret@github.com/someone/weather.git#v1`, `mcp://weather`},
		{`npx -c secret-tool␣--token␣secret`, `mcp://npx`},
		{`npx`, `mcp://npx`},
		{`npx -y tsx /work/weather/src/index.ts`, `mcp://weather`},
		{`npm exec -- @scope/server-x`, `mcp://server-x`},
		{`npm --prefix=/work/weather run secret`, `mcp://npm`},
		{`pnpm dlx @scope/server-x@1`, `mcp://server-x`},
		{`pnpm --dir /work/weather exec tsx src/index.ts`, `mcp://index`},
		{`yarn dlx -q @scope/server-x`, `mcp://server-x`},
		{`bunx --bun server-x`, `mcp://server-x`},
		{`bun run /work/weather/index.ts`, `mcp://weather`},
		{`deno run -A jsr:@scope/weather@^1`, `mcp://weather`},
		{`deno run --allow-env=TOKEN npm:weather@1.0.0 x`, `mcp://weather`},

		{`node /x/weather/server.js`, `mcp://weather`},
		{`node /x/weather/build/index.js --token secret`, `mcp://weather`},
		{`node --inspect=9229 --require /x/secret.js weather.mjs`, `mcp://weather`},
		{`node -e require('x')('secret')`, `mcp://node`},
		{`node /home/alice/server.js`, `mcp://server`},
		{`node C:\Users\alice\index.js`, `mcp://index`},
		{`node`, `mcp://node`},

		{`uvx mcp-server-git --repository x`, `mcp://mcp-server-git`},
		{`uvx mcp-server-git==1.2.3`, `mcp://mcp-server-git`},
		{`uvx mcp-server-git@latest --token secret`, `mcp://mcp-server-git`},
		{`uvx --python 3.12 --with httpx weather[cli]`, `mcp://weather`},
		{`uvx --from git+https://secret@github.com/oraios/serena serena start-mcp-server`, `mcp://serena`},
		{`uvx --from=weather-tools weather`, `mcp://weather-tools`},
		{`uv run --directory /x/weather server.py --key secret`, `mcp://weather`},
		{`uv --directory /x/weather run weather.py`, `mcp://weather`},
		{`uv --directory=/x/weather run main.py`, `mcp://weather`},
		{`uv run --with mcp[cli] mcp run /x/weather/server.py`, `mcp://weather`},
		{`uv tool run mcp-server-git`, `mcp://mcp-server-git`},
		{`uv run -m weather.server`, `mcp://weather.server`},
		{`pipx run mcp-server-git`, `mcp://mcp-server-git`},
		{`python -m pkg.mod --token secret`, `mcp://pkg.mod`},
		{`/opt/venv/bin/python3.12 -u /x/weather.py`, `mcp://weather`},
		{`C:\Python\PYTHON.EXE -X utf8 C:\x\weather\server.py`, `mcp://weather`},
		{`python -c import␣x;x.run('secret')`, `mcp://python`},
		{`py -3 -m weather`, `mcp://weather`},

		{`docker run -i --rm -e TOKEN ghcr.io/github/github-mcp-server`, `mcp://github-mcp-server`},
		{`docker run -i --rm -e TOKEN=secret -v /a:/b mcp/filesystem /b`, `mcp://filesystem`},
		{`docker run -it --init --memory 512m --label a=secret --network=host localhost:5000/x/weather:1.2`, `mcp://weather`},
		{`docker run --rm -eTOKEN=secret -p8080:80 --unknown-flag secret weather@sha256:0123`, `mcp://weather`},
		{`docker container run --mount type=bind,src=/a,dst=/b -i weather`, `mcp://weather`},
		{`docker exec -i weather-box node /app/index.js`, `mcp://weather-box`},
		{`podman run -i --rm docker.io/mcp/fetch`, `mcp://fetch`},
		{`docker run -i --rm node:22-alpine npx -y @scope/server-x`, `mcp://server-x`},
		{`docker run -i --rm ghcr.io/astral-sh/uv:latest uvx mcp-server-git`, `mcp://mcp-server-git`},
		{`docker run -i --rm python:3.13 python -m weather secret`, `mcp://weather`},
		{`docker compose -f /x/secret.yml run --rm -T weather`, `mcp://weather`},
		{`kubectl exec -i -n secret deploy/weather -c app -- server`, `mcp://weather`},

		{`cmd /c npx -y foo@1.2.3`, `mcp://foo`},
		{`C:\Windows\System32\cmd.exe /d /s /c NPX.CMD -y @scope/foo`, `mcp://foo`},
		{`env A=b TOKEN=secret server-x`, `mcp://server-x`},
		{`env -i -u HOME npx -y server-x`, `mcp://server-x`},
		{`cross-env TOKEN=secret node /x/weather/dist/index.js`, `mcp://weather`},
		{`op run --env-file=.env -- npx -y server-x`, `mcp://server-x`},
		{`doppler run --token secret -- uvx server-x`, `mcp://server-x`},
		{`wsl.exe -d Ubuntu -- npx -y server-x`, `mcp://server-x`},
		{`bash -c npx␣server-x␣--token␣secret`, `mcp://server-x`},
		{`bash -lc cd␣"/x␣y"␣&&␣exec␣npx␣-y␣'@scope/server-x'␣2>/dev/null`, `mcp://server-x`},
		{`sh /x/weather.sh secret`, `mcp://weather`},
		{`sh -c cat␣secret␣|␣server`, `mcp://sh`},
		{`bash -c "npx␣secret`, `mcp://bash`},
		{`pwsh -NoProfile -Command npx␣-y␣server-x`, `mcp://server-x`},
		{`nohup nice -n 5 uvx server-x`, `mcp://server-x`},
		{`npx -y ${SECRET_PACKAGE}`, `mcp://npx`},
		{`java -Dtoken=secret -jar /x/weather-1.0.jar`, `mcp://weather-1.0`},
		{`java -cp a.jar:b.jar com.example.Weather`, `mcp://com.example.Weather`},
		{`dotnet run --project /x/Weather.Mcp/Weather.Mcp.csproj`, `mcp://Weather.Mcp`},
		{`dotnet /x/Weather.dll`, `mcp://Weather`},
		{`go run github.com/someone/weather/cmd/server@latest`, `mcp://weather`},
		{`ruby /x/weather.rb`, `mcp://weather`},

		{`npx -y ghp_0123456789abcdefghijABCDEFGHIJ012345`, `mcp://npx`},
		{`we<ird␣"na|me`, `mcp://we`},
		{`nom␣é`, `mcp://nom--`},
		{`npx npx npx`, `mcp://npx`},
		{`env env env A=b x`, `mcp://x`},
	} {
		var command []string
		for _, a := range strings.Fields(c.command) {
			command = append(command, strings.ReplaceAll(a, "␣", " "))
		}
		got := targetOf(command)
		if got != c.want {
			t.Errorf("%s\n is %s, not %s", c.command, got, c.want)
		}
		if strings.Contains(got, "secret") {
			t.Errorf("%s\n is %s, which tells a secret", c.command, got)
		}
	}
}

// TestTargetNamed: names as people give them to servers.
func TestTargetNamed(t *testing.T) {
	for name, want := range map[string]string{
		"files":                     "mcp://files",
		"GitHub_2.x":                "mcp://GitHub_2.x",
		" My Server (prod) ":        "mcp://My-Server--prod-",
		"天気 é":                      "mcp://天気-é",
		"a/b?c=d&e#f%20${x}\x1b[1m": "mcp://a-b-c-d-e-f-20--x---1m",
		"":                          "",
		" ":                         "",
		"--":                        "",
		"\xff":                      "",
		"ghp_0123456789abcdefghijABCDEFGHIJ012345": "",
		strings.Repeat("x", 101):                   "",
	} {
		if got := TargetNamed(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
