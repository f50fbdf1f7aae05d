import assert from "node:assert/strict";
import { parseIptablesTranslations } from "../../../host/iptables_translations.ts";
import { redirectionAddress } from "../../../sentinel/doctor/arrivals.ts";
import { examine } from "../../../sentinel/doctor/check.ts";
import { CHECKS } from "../../../sentinel/doctor/checks.ts";
import type { Facts, HostFacts } from "../../../sentinel/doctor/facts.ts";
import { link, target, VIP } from "../../realserver/host_states.ts";
import { ETH0 } from "./doctor_cases.ts";
import { realServerFacts } from "./recorded_facts.ts";

Deno.test("app-not-listening accepts any address, the VIP, and with redirect the interface's first address only", () => {
  const listening = (address: string, device: string | null = null) => ({
    listeners: [{ protocol: "tcp" as const, address, device, port: 80 }],
  });
  const isSilent = (facts: Facts) => examine(facts, CHECKS).some(({ id }) => id === "app-not-listening");
  for (const address of ["0.0.0.0", "*", VIP]) {
    assert(!isSilent(realServerFacts({ host: listening(address) })), address);
  }
  assert(!isSilent(realServerFacts({ host: listening("0.0.0.0", "eth0") })));
  assert(isSilent(realServerFacts({ host: listening("0.0.0.0", "eth1") })));
  assert(isSilent(realServerFacts({ host: listening("::") })));

  // Redirected, with the rules in force.
  const redirected = (host: Partial<HostFacts>) =>
    realServerFacts({
      method: "redirect",
      state: { links: [link("lo"), ETH0] },
      host,
      realServer: { requirements: [] },
    });
  assert(!isSilent(redirected(listening("192.0.2.21"))));
  assert(isSilent(redirected(listening(VIP))));
  assert(isSilent(redirected(listening("127.0.0.1"))));
});

Deno.test("app-not-listening looks at the port that a redirect translates to, and at no range of many ports", () => {
  const bound = (binding: Parameters<typeof target>[0]) =>
    examine(
      realServerFacts({ realServer: { targets: [target(binding)], requirements: [], method: "redirect" } }),
      CHECKS,
    )
      .filter(({ id }) => id === "app-not-listening").map(({ problem }) => problem);
  const ports = [{ first: 80, last: 80 }];
  assert.match(
    bound({ bindings: [{ protocol: "tcp", ports, localPort: 8080 }] }).join(),
    /192\.0\.2\.21:8080/,
  );
  assert.deepEqual(
    bound({ bindings: [{ protocol: "tcp", ports: [{ first: 1, last: 65535 }], localPort: null }] }),
    [],
  );
});

Deno.test("app-not-listening names the silent ports of a range, and no port that a rule leads to a container", () => {
  const bindings = [{
    protocol: "tcp" as const,
    ports: [{ first: 8000, last: 8003 }],
    localPort: null,
  }];
  const listeners = [8001, 8002].map((port) => ({
    protocol: "tcp" as const,
    address: VIP,
    device: null,
    port,
  }));
  const translations = parseIptablesTranslations(
    4,
    "-A PREROUTING -p tcp -m tcp --dport 8000 -j DNAT --to :80",
  );
  const problemsWith = (host: Partial<HostFacts>) =>
    examine(realServerFacts({ host, realServer: { targets: [target({ bindings })] } }), CHECKS)
      .filter(({ id }) => id === "app-not-listening").map(({ problem }) => problem).join();
  assert.match(
    problemsWith({ listeners }),
    /listens on tcp 192\.0\.2\.10:8000,8003: clients of .*:8000-8003 /,
  );
  assert.match(problemsWith({ listeners: [] }), /listens on tcp 192\.0\.2\.10:8000-8003: /);
  assert.match(problemsWith({ listeners, translations }), /listens on tcp 192\.0\.2\.10:8003: /);
});

Deno.test("app-not-listening starts the one server program that is installed and stopped, and guesses nothing else", () => {
  const web = (name: string) => ({ unit: `${name}.service`, ports: [80, 443] });
  const mail = { unit: "postfix.service", ports: [25] };
  const findingWith = (host: Partial<HostFacts>) =>
    examine(realServerFacts({ host: { listeners: [], ...host } }), CHECKS).find(({ id }) =>
      id === "app-not-listening"
    )!;
  const stopped = findingWith({ stoppedServers: [web("nginx"), mail] });
  assert.equal(stopped.fix, "systemctl start nginx.service");
  assert.deepEqual(stopped.evidence, [
    "no socket on port 80 (ss -ltnu)",
    "nginx.service is installed and does not run (systemctl status)",
  ]);
  for (const stoppedServers of [[], [mail], [web("nginx"), web("apache2")]]) {
    const { fix, advice } = findingWith({ stoppedServers });
    assert.equal(fix, null);
    assert.match(
      advice!,
      /^Start the application, listening on 0\.0\.0\.0:80 or 192\.0\.2\.10:80; it is there when this shows it: ss -Hltnp/,
    );
  }
  const elsewhere = { protocol: "tcp" as const, address: "127.0.0.1", device: null, port: 80 };
  assert.equal(findingWith({ listeners: [elsewhere], stoppedServers: [web("nginx")] }).fix, null);
});

Deno.test("app-not-listening is one finding for ports that one command cures, and one for each range that none does", () => {
  const bindings = [{
    protocol: "tcp" as const,
    ports: [{ first: 80, last: 80 }, { first: 443, last: 444 }],
    localPort: null,
  }];
  const found = (host: Partial<HostFacts>) =>
    examine(realServerFacts({ host, realServer: { targets: [target({ bindings })] } }), CHECKS)
      .filter(({ id }) => id === "app-not-listening");
  const [started, ...others] = found({
    listeners: [],
    stoppedServers: [{ unit: "nginx.service", ports: [80, 443] }],
  });
  assert.deepEqual([started!.fix, others], ["systemctl start nginx.service", []]);
  assert.equal(
    started!.problem,
    `No application listens on tcp ${VIP}:80, tcp ${VIP}:443-444: clients of ${VIP}:80, ${VIP}:443-444 are refused by ` +
      "this host",
  );
  assert.match(
    started!.advice!,
    /^It must listen on 0\.0\.0\.0:80,443-444 or 192\.0\.2\.10:80,443-444 then; /,
  );
  assert.equal(found({ listeners: [] }).length, 2);
});

Deno.test("app-not-listening is one finding for the same port of several VIPs, which one application can serve", () => {
  const targets = [VIP, "192.0.2.11", "2001:db8::10"].map((vip) => target({ vip }));
  const host = { listeners: [], links: [link("lo", ...targets.map(({ vip }) => `${vip}/32`)), ETH0] };
  const [finding, ...others] = examine(realServerFacts({ host, realServer: { targets } }), CHECKS)
    .filter(({ id }) => id === "app-not-listening");
  assert.deepEqual(others, []);
  assert.match(
    finding!.advice!,
    /listening on 0\.0\.0\.0:80 or 192\.0\.2\.10:80 and 192\.0\.2\.11:80, and on \[::\]:80 or \[2001:db8::10\]:80; /,
  );
});

Deno.test("redirectionAddress() is the first that is no VIP, whatever its scope, and for IPv6 none that cannot be used", () => {
  const vip6 = "2001:db8::10";
  const links = [
    link("lo", "127.0.0.1/8"),
    link(
      "eth0",
      `${VIP}/32`,
      "192.0.2.11/32",
      "169.254.7.7/16",
      "192.0.2.21/24",
      `${vip6}/128`,
      "2001:db8::66/64",
    ),
    link("eth1", `${VIP}/32`),
  ];
  const host = { links, unusable: [] };
  const vips = [VIP, "192.0.2.11", vip6];
  assert.equal(redirectionAddress(host, { vip: VIP, device: "eth0" }, vips), "169.254.7.7");
  assert.equal(redirectionAddress(host, { vip: VIP, device: "eth1" }, vips), null);
  assert.equal(redirectionAddress(host, { vip: VIP, device: "eth2" }, vips), null);
  assert.equal(redirectionAddress(host, { vip: vip6, device: "eth0" }, vips), "2001:db8::66");
  const unusable = [{
    address: "2001:db8::66",
    prefixLength: 64,
    device: "eth0",
    state: "dadfailed" as const,
  }];
  assert.equal(redirectionAddress({ links, unusable }, { vip: vip6, device: "eth0" }, vips), null);
});
