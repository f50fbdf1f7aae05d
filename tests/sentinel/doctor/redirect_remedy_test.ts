import assert from "node:assert/strict";
import type { Step } from "../../../host/step.ts";
import { requirementsOf } from "../../../realserver/choose_method.ts";
import { examine } from "../../../sentinel/doctor/check.ts";
import { CHECKS } from "../../../sentinel/doctor/checks.ts";
import { link, REAL_SERVER_ADDRESS, target, VIP } from "../../realserver/host_states.ts";
import { HARDENED, realServerFacts } from "./recorded_facts.ts";

const OWN = { protocol: "tcp" as const, address: REAL_SERVER_ADDRESS, device: null, port: 80 };
const ROLE = `lvsdr realserver --vip ${VIP} --port 80 --method redirect --run-dir /run/lvsdr`;
const TAKE_BACK = "lvsdr realserver --undo --run-dir /run/lvsdr";
const REMOVAL = `ip address delete ${VIP}/32 dev lo`;

type Changes = NonNullable<Parameters<typeof realServerFacts>[0]>;

/** A host whose application listens on its own address only, and that nobody holds. */
function findingsWith({ host, realServer, ...changes }: Changes = {}): ReturnType<typeof examine> {
  const facts = realServerFacts({
    ...changes,
    host: { listeners: [OWN], ...host },
    realServer: { journal: null, ...realServer },
  });
  return examine(facts, CHECKS).filter(({ id }) => id === "app-not-listening");
}

function kept(...steps: Step[]): NonNullable<Changes["realServer"]> {
  const path = "/run/lvsdr/realserver.journal";
  return { journal: { path, steps, isKept: true, owner: null, scope: null } };
}

function given(address: string): Step {
  return { kind: "addAddress", address, device: "lo" };
}

/** Targets of one VIP whose ports are ranges. */
function of(...ports: [first: number, last: number][]): NonNullable<Changes["realServer"]> {
  const ranges = ports.map(([first, last]) => ({ first, last }));
  return { targets: [target({ bindings: [{ protocol: "tcp", localPort: null, ports: ranges }] })] };
}

Deno.test("method redirect is started where all is listened on at the host's own address, and nobody runs", () => {
  const [finding, ...others] = findingsWith();
  assert.deepEqual([finding!.fix, others], [`${REMOVAL}\n${ROLE}`, []]);
  const refused: readonly Changes[] = [
    { realServer: { journal: { ...kept().journal!, owner: 7 } } },
    { realServer: { method: "route" } },
    { realServer: of([80, 80], [81, 81]) },
    { realServer: of([80, 80], [1000, 1999]) },
    { host: { listeners: [{ ...OWN, address: "127.0.0.1" }] } },
    { host: { listeners: [{ ...OWN, address: "192.0.2.99" }] } },
  ];
  for (const changes of refused) assert.equal(findingsWith(changes)[0]!.fix, null, JSON.stringify(changes));
});

Deno.test("method redirect is started after the VIP is gone from everywhere, and only then is the hardening undone", () => {
  const commands = `${REMOVAL}\n${TAKE_BACK}\n${ROLE}`;
  const arpIgnore: Step = {
    kind: "setSysctl",
    key: "net/ipv4/conf/all/arp_ignore",
    value: "1",
    previous: "0",
  };
  // It was there before the role, or the role gave it: undoing one that is gone does nothing.
  for (const steps of [[arpIgnore], [arpIgnore, given(VIP)]]) {
    assert.equal(findingsWith({ realServer: kept(...steps) })[0]!.fix, commands);
  }
  const links = [link("lo"), link("eth0", `${VIP}/32`, `${REAL_SERVER_ADDRESS}/24`)];
  const state = {
    links,
    nftTables: new Map(),
    arptablesRules: new Map(),
  };
  const targets = [target()];
  const requirements = requirementsOf("arptables", { ...HARDENED, ...state }, {
    targets,
    wantedDevice: null,
    looseDevices: new Set(),
  });
  assert.equal(
    findingsWith({ method: "arptables", state, realServer: { targets, requirements } })[0]!.fix,
    `ip address delete ${VIP}/32 dev eth0\n${ROLE}`,
  );
});

Deno.test("method redirect waits for the commands of other findings that move a VIP", () => {
  for (const links of [[link("lo", `${VIP}/24`)], [link("lo"), link("eth1", `${VIP}/32`)]]) {
    const [finding] = findingsWith({
      state: { links: [...links, link("eth0", `${REAL_SERVER_ADDRESS}/24`)] },
    });
    assert.equal(finding!.fix, null);
    assert.match(finding!.advice!, /once every other finding is mended, .*--method redirect/);
  }
  const unusable = [{ address: VIP, prefixLength: 32, device: "lo", state: "dadfailed" as const }];
  assert.equal(findingsWith({ host: { unusable } })[0]!.fix, null);
});

Deno.test("method redirect is not offered where its rules cannot be loaded", () => {
  const fixWith = (...programs: ("nft" | "iptables" | "ip6tables" | "arptables")[]) =>
    findingsWith({ realServer: { programs: new Set(programs) } })[0]!;
  assert.notEqual(fixWith("nft").fix, null);
  assert.notEqual(fixWith("iptables").fix, null);
  for (const { fix, advice } of [fixWith(), fixWith("ip6tables", "arptables")]) {
    assert.equal(fix, null);
    assert.doesNotMatch(advice!, /redirect/);
  }
});

Deno.test("method redirect is advised, with what it ends, where another port is served now", () => {
  const anywhere = { ...OWN, address: "0.0.0.0", port: 443 };
  const [finding, ...others] = findingsWith({
    host: { listeners: [OWN, anywhere] },
    realServer: of([80, 80], [443, 443]),
  });
  assert.deepEqual([finding!.fix, others], [null, []]);
  assert.match(finding!.advice!, new RegExp(`listened on and ends the open connections of tcp ${VIP}:443$`));
});

Deno.test("method redirect is not started where undoing would take away, or expose, an address that is none of its VIPs", () => {
  assert.equal(findingsWith({ realServer: kept(given(VIP), given("192.0.2.11")) })[0]!.fix, null);
  for (const name of ["lo", "dummy0"]) {
    const other = { ...link(name, "192.0.2.11/32"), index: 3 };
    const links = [link("lo", `${VIP}/32`), link("eth0", `${REAL_SERVER_ADDRESS}/24`), other];
    assert.equal(findingsWith({ state: { links }, realServer: kept(given(VIP)) })[0]!.fix, null, name);
    // Nothing that hides it is undone.
    assert.equal(findingsWith({ state: { links } })[0]!.fix, `${REMOVAL}\n${ROLE}`, name);
  }
});

Deno.test("method redirect is not started where rules of others would have it refused: they are named first", () => {
  const rule = {
    ...{
      table: "ip other",
      chain: "arriving",
      handle: 7,
      text: "ip saddr 10.0.0.0/8 redirect",
      priority: -150,
    },
    ...{ conditions: [{ field: "source" as const, values: ["10.0.0.0/8"], isNot: false }], exemptions: [] },
  };
  const cases: readonly (readonly [NonNullable<Changes["state"]>, RegExp])[] = [
    [{ earlierTranslations: [rule] }, /refused \(nft rules before table inet lvsdr is ip other arriving: /],
    [
      { nftTables: new Map([["inet" as const, { flags: "", chains: [] }]]) },
      /refused \(nft table inet lvsdr is there with other rules\)/,
    ],
  ];
  for (const [state, obstacle] of cases) {
    const { fix, advice } = findingsWith({ state })[0]!;
    assert.equal(fix, null);
    assert.match(advice!, obstacle);
  }
  const unknown = findingsWith({ realServer: { redirection: null } })[0]!;
  assert.equal(unknown.fix, null, "the rules cannot be read");
});

Deno.test("the advice to start method redirect ends a role that runs only where one does, and takes back what is left", () => {
  const unusable = [{ address: VIP, prefixLength: 32, device: "lo", state: "dadfailed" as const }];
  const adviceWith = (realServer: NonNullable<Changes["realServer"]>) =>
    findingsWith({ host: { unusable }, realServer })[0]!.advice!;
  const left = kept(given(VIP)).journal!;
  const words = /(end lvsdr realserver here \(process 7\)|take back what is left of it \(lvsdr [^)]*\))/;
  assert.doesNotMatch(adviceWith({}), words);
  assert.match(
    adviceWith({ journal: { ...left, owner: 7 } }),
    /mended, end lvsdr realserver here \(process 7\), take/,
  );
  assert(adviceWith({ journal: left }).includes(`take back what is left of it (${TAKE_BACK}), and start`));
  assert.doesNotMatch(adviceWith({ journal: { ...left, steps: [given("192.0.2.11")] } }), words);
});
