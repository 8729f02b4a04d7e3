class SignetWrap < Formula
  desc "{{.Description}}"
  homepage "https://github.com/signet-wrap/signet-wrap"
  version "{{.Version}}"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
      url "https://github.com/signet-wrap/signet-wrap/releases/download/v{{.Version}}/signet-wrap-darwin-arm64"
      sha256 "{{.Sums.darwin_arm64}}"
    end
    on_intel do
      url "https://github.com/signet-wrap/signet-wrap/releases/download/v{{.Version}}/signet-wrap-darwin-amd64"
      sha256 "{{.Sums.darwin_amd64}}"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/signet-wrap/signet-wrap/releases/download/v{{.Version}}/signet-wrap-linux-arm64"
      sha256 "{{.Sums.linux_arm64}}"
    end
    on_intel do
      url "https://github.com/signet-wrap/signet-wrap/releases/download/v{{.Version}}/signet-wrap-linux-amd64"
      sha256 "{{.Sums.linux_amd64}}"
    end
  end

  def install
    bin.install Dir["signet-wrap-*"].first => "signet-wrap"
    generate_completions_from_executable(bin/"signet-wrap", "help", "completion", shells: [:bash, :zsh, :fish])
    (man1/"signet-wrap.1").write Utils.safe_popen_read(bin/"signet-wrap", "help", "man")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/signet-wrap version")
    output = pipe_output("#{bin}/signet-wrap --home #{testpath} --system-log off -- cat", "hello\n")
    assert_equal "hello\n", output
  end
end
