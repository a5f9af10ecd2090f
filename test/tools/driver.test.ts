// What the setup would do to a machine, decided from its files' text: apt's two formats, and the plan by system.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { backportsFile, parseAptSources } from "../../cli/driver/apt-sources.mjs";
import { parseOsRelease, planDriver, printSteps } from "../../cli/driver/driver-plan.mjs";

const test = suite("driver");

const BOOKWORM = parseOsRelease(`PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n`);
const STANZAS = `
# where Debian is
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
# a comment inside a stanza
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;
const LINES = `
# deb http://commented.example/debian bookworm main
deb cdrom:[Debian 12]/ bookworm main
deb [ arch=amd64,arm64 signed-by=/keys/d.gpg lang=en ] http://mirror.example/debian bookworm main contrib # ours
deb-src http://mirror.example/debian bookworm main
`;
const BACKPORTS = "deb http://mirror.example/debian bookworm-backports main";

test("reads deb822 sources", () => {
  assert.equal(parseAptSources("debian.sources", STANZAS), [
    {
      uris: ["http://mirror.example/debian"],
      suites: ["bookworm", "bookworm-updates"],
      components: ["main", "contrib"],
      options: { "Signed-By": "/usr/share/keyrings/debian.gpg" },
    },
    {
      uris: ["http://mirror.example/debian-security"],
      suites: ["bookworm-security"],
      components: ["main"],
      options: {},
    },
  ]);
});

test("leaves out a disabled stanza, and one of sources only", () => {
  const rest = "URIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n";
  assert.equal(parseAptSources("a.sources", `Types: deb\nEnabled: no\n${rest}\nTypes: deb-src\n${rest}`), []);
});

test("reads one-line sources with their options", () => {
  assert.equal(parseAptSources("sources.list", LINES).at(-1), {
    uris: ["http://mirror.example/debian"],
    suites: ["bookworm"],
    components: ["main", "contrib"],
    options: { Architectures: "amd64 arm64", "Signed-By": "/keys/d.gpg" },
  });
});

test("reads nothing from a file that apt would not read", () => {
  assert.equal(parseAptSources("debian.list.disabled", LINES), []);
});

test("takes the backports mirror and its key from the machine's own list, in either format", () => {
  for (const [file, text, key] of [
    ["debian.sources", STANZAS, "Signed-By: /usr/share/keyrings/debian.gpg"],
    ["sources.list", LINES, "Signed-By: /keys/d.gpg"],
  ] as const) {
    const written = backportsFile(parseAptSources(file, text), "bookworm") ?? "";
    assert.match(
      written,
      "\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\nComponents: main\n",
    );
    assert.match(written, key);
  }
});

test("keeps a key that stands in the source itself, whole", () => {
  const key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----";
  const text = `Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n${key}\n`;
  const written = backportsFile(parseAptSources("debian.sources", text), "bookworm") ?? "";
  assert.match(written, " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP");
  assert.is(parseAptSources("again.sources", written).length, 1);
});

test("Debian 12: adds backports and installs Mesa from it", () => {
  const aptSources = parseAptSources("debian.sources", STANZAS);
  const shell = printSteps(steps({ platform: "linux", osRelease: BOOKWORM, aptSources }));
  assert.match(shell, "sudo tee /etc/apt/sources.list.d/wgpt-backports.sources >/dev/null <<'END'\n");
  assert.match(shell, "\nEND\nsudo apt-get update\n");
  assert.match(shell, "sudo apt-get install -y --no-install-recommends -t bookworm-backports mesa-vulkan-drivers");
});

test("Debian 12 with backports already there: adds no source", () => {
  const aptSources = [...parseAptSources("a.sources", STANZAS), ...parseAptSources("b.list", BACKPORTS)];
  const taken = steps({ platform: "linux", osRelease: BOOKWORM, aptSources });
  assert.is(
    taken.some((step) => "write" in step),
    false,
  );
  assert.match(printSteps(taken), "-t bookworm-backports mesa-vulkan-drivers");
});

test("Debian 12 without a source to copy the mirror from: says what to add", () => {
  const plan = planDriver({ platform: "linux", osRelease: BOOKWORM, aptSources: [] });
  assert.match(plan.kind === "advice" ? plan.advice : "", "add the suite bookworm-backports");
});

test("other systems with apt: installs their own Mesa", () => {
  for (const osRelease of [
    { ID: "debian", VERSION_CODENAME: "trixie" },
    { ID: "ubuntu", VERSION_CODENAME: "noble" },
  ])
    assert.is(
      printSteps(steps({ platform: "linux", osRelease, aptSources: [] })),
      "sudo apt-get update\nsudo apt-get install -y --no-install-recommends mesa-vulkan-drivers",
    );
});

test("systems without apt: names the package", () => {
  for (const [osRelease, advice] of [
    [{ ID: "fedora" }, "dnf install mesa-vulkan-drivers"],
    [{ ID: "rocky", ID_LIKE: "rhel centos fedora" }, "dnf install mesa-vulkan-drivers"],
    [{ ID: "manjaro", ID_LIKE: "arch" }, "pacman -S vulkan-swrast"],
    [{ ID: "alpine" }, "mesa-vulkan-swrast"],
    [{ ID: "opensuse-leap", ID_LIKE: "suse opensuse" }, "zypper install Mesa-vulkan-drivers"],
    [{ ID: "other" }, "Arch: vulkan-swrast"],
  ] as const) {
    const plan = planDriver({ platform: "linux", osRelease, aptSources: undefined });
    assert.match(plan.kind === "advice" ? plan.advice : "", advice);
  }
});

test("macOS and Windows: gives advice, and takes no step", () => {
  for (const platform of ["darwin", "win32", "freebsd"])
    assert.is(planDriver({ platform, osRelease: {}, aptSources: undefined }).kind, "advice");
});

test.run();

function steps(machine: Parameters<typeof planDriver>[0]) {
  const plan = planDriver(machine);
  return plan.kind === "steps" ? plan.steps : [];
}
