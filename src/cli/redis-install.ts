// Installs a Redis server with the machine's package manager: apt as root or with sudo that asks no
// password, else brew. The package's own service is neither started nor left to start at boot:
// taskmesh needs the program only.
import { runCommand } from "./run-command.js";

const PROBE_TIMEOUT_MS = 10_000;
const INSTALL_TIMEOUT_MS = 300_000;

// policy-rc.d with exit code 101 forbids packages to start services (Debian policy of invoke-rc.d).
// It is removed again, and one that was there before is left as it is.
const APT_SCRIPT = `
set -e
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get -o DPkg::Lock::Timeout=60 update
apt-get -o DPkg::Lock::Timeout=60 install -y --no-install-recommends redis-server
if [ -d /run/systemd/system ]; then systemctl disable --now redis-server.service || true; fi
if command -v update-rc.d > /dev/null; then update-rc.d redis-server disable || true; fi
`;

/** How an installation went; `reason` says why not, to be put into a sentence. */
export interface InstallResult {
  readonly reason: string;
}

/** Tries to install a Redis server. Never throws: whoever calls looks whether one is there now. */
export async function installRedisServer(say: (line: string) => void): Promise<InstallResult> {
  const plan = await choosePlan();
  if (plan === undefined) return { reason: " and none can be installed without asking" };
  say(`installing redis-server (${plan.title})`);
  const result = await runCommand(plan.command, plan.args, INSTALL_TIMEOUT_MS);
  if (result.ok) return { reason: "" };
  const lastLine = result.output.trim().split("\n").at(-1) ?? "";
  return { reason: ` and ${plan.title} failed (${lastLine})` };
}

interface Plan {
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
}

async function choosePlan(): Promise<Plan | undefined> {
  if (await works("apt-get", ["--version"])) {
    if (process.getuid?.() === 0) {
      return { title: "apt-get", command: "sh", args: ["-c", APT_SCRIPT] };
    }
    if (await works("sudo", ["-n", "true"])) {
      return { title: "sudo apt-get", command: "sudo", args: ["-n", "sh", "-c", APT_SCRIPT] };
    }
  }
  if (await works("brew", ["--version"])) {
    return { title: "brew install redis", command: "brew", args: ["install", "redis"] };
  }
  return undefined;
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  return (await runCommand(command, args, PROBE_TIMEOUT_MS)).ok;
}
