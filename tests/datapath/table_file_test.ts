import assert from "node:assert/strict";
import { State } from "../../datapath/connection_state.ts";
import { HOLDS_TEMPLATE, keyWord, NONE, TEMPLATE_PROTOCOL } from "../../datapath/connection_table.ts";
import { Destinations } from "../../datapath/destinations.ts";
import { ExitCode } from "../../model/exit_code.ts";
import { HostError } from "../../model/operator_error.ts";
import { adopt, changeHeader, HEADER_BYTES, namedEntries, NOW_MS, open, withTablePath } from "./adoption.ts";
import { IdentityRegistry } from "../../datapath/identity_registry.ts";
import { ipv4Client, NO_LEDGER } from "./table_entries.ts";

const USE = { isReferred: () => true, forget: () => {} };
const FIRST_WORD_AT = HEADER_BYTES + IdentityRegistry.BYTES;
const WEEK_MS = 168 * 3_600_000;

/** Leaves a table with an established connection, a held template, a datagram's and an expired connection. */
function leaveTable(path: string): ReturnType<typeof namedEntries> {
  using file = open(path);
  const { connections, registry } = file;
  const [vip, service, server] = ["vip 192.0.2.10", "service web", "service web 192.0.2.21"]
    .map((text) => registry.numberOf(text, USE)) as [number, number, number];
  const add = (client: number, ports: number, protocol: number, state: number, leftMs: number) => {
    const key = keyWord(protocol === TEMPLATE_PROTOCOL ? service : vip, protocol);
    connections.insert(ipv4Client(client), ports, key, server, state, NOW_MS + leftMs, NO_LEDGER);
  };
  add(1, 0x9c400050, 6, State.Established | HOLDS_TEMPLATE, WEEK_MS);
  add(1, 1, TEMPLATE_PROTOCOL, State.Template, 60_000);
  add(2, 0x9c400035, 17, State.UdpFirst, 1);
  const lasting = namedEntries(connections, registry);
  add(3, 0x9c400050, 6, State.Established, 0);
  return lasting;
}

Deno.test("openTableFile() makes a file of mode 600 when there is none, and nothing beside it", () =>
  withTablePath((path) => {
    using file = open(path);
    assert.deepEqual(file.adoption, { kind: "fresh" });
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].map(({ name }) => name), [
      "connections",
    ]);
  }));

Deno.test("openTableFile() adopts what has not expired, as it was and under the same names", () =>
  withTablePath((path) => {
    const left = leaveTable(path);
    const { adoption, entries } = adopt(path);
    assert.deepEqual(adoption, { kind: "adopted", connections: 3 });
    assert.deepEqual(entries, left);
    assert.deepEqual(adopt(path, { nowMs: NOW_MS + 1 }).entries.length, 2);
  }));

Deno.test("openTableFile() tells the destinations what they have got", () =>
  withTablePath((path) => {
    leaveTable(path);
    const destinations = new Destinations();
    using file = open(path, { destinations });
    const server = file.registry.numberOf("service web 192.0.2.21", USE);
    const vip = file.registry.numberOf("vip 192.0.2.10", USE);
    const { active, inactive, templates } = destinations;
    assert.deepEqual([active[server], inactive[server], templates[server]], [1, 1, 1]);
    assert.ok(destinations.isReferred(vip));
    assert.ok(!destinations.isReferred(file.registry.numberOf("vip 192.0.2.11", USE)));
  }));

Deno.test("openTableFile() moves the connections into a table of another size", () =>
  withTablePath((path) => {
    const left = leaveTable(path);
    for (const maximum of [1_000, 3, 20_000]) assert.deepEqual(adopt(path, { maximum }).entries, left);
  }));

Deno.test("openTableFile() keeps what is established when the new table is too small for all", () =>
  withTablePath((path) => {
    {
      using file = open(path, { maximum: 500 });
      const vip = file.registry.numberOf("vip", USE);
      const server = file.registry.numberOf("server", USE);
      for (let client = 0; client < 500; client++) {
        const state = client % 5 === 0 ? State.Established : State.SynReceived;
        const key = keyWord(vip, 6);
        file.connections.insert(ipv4Client(client), 1, key, server, state, NOW_MS + 1_000, NO_LEDGER);
      }
    }
    const destinations = new Destinations();
    using file = open(path, { maximum: 100, destinations });
    const vip = file.registry.numberOf("vip", USE);
    assert.equal(file.connections.used, 100);
    for (let client = 0; client < 500; client += 5) {
      assert.notEqual(
        file.connections.recall(ipv4Client(client), 1, keyWord(vip, 6)),
        NONE,
        `client ${client}`,
      );
    }
    assert.equal(
      destinations.active[file.registry.numberOf("server", USE)],
      100,
      "the others are off the books",
    );
  }));

const DAMAGES: readonly {
  readonly description: string;
  readonly damage: (path: string) => void;
  readonly reason: RegExp;
}[] = [
  {
    description: "an empty file",
    damage: (path) => Deno.writeFileSync(path, new Uint8Array()),
    reason: /not a connection table/,
  },
  {
    description: "somebody else's file",
    damage: (path) => Deno.writeTextFileSync(path, "dear diary\n".repeat(1_000)),
    reason: /not a connection table/,
  },
  {
    description: "a table of another format",
    damage: (path) => changeHeader(path, (header) => header.setUint32(32, 99, true)),
    reason: /format 99/,
  },
  {
    description: "a file that has been cut",
    damage: (path) => Deno.truncateSync(path, HEADER_BYTES + 100),
    reason: /size contradicts/,
  },
  {
    description: "a file that has grown",
    damage: (path) => Deno.writeFileSync(path, new Uint8Array(1), { append: true }),
    reason: /size contradicts/,
  },
  {
    description: "a header that claims another maximum",
    damage: (path) => changeHeader(path, (header) => header.setUint32(36, 11, true)),
    reason: /size contradicts/,
  },
  {
    description: "a directory's name taken by a named pipe",
    damage: (path) => {
      Deno.removeSync(path);
      assert.ok(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
    },
    reason: /not a regular file/,
  },
  {
    description: "a symbolic link to a good table",
    damage: (path) => {
      Deno.renameSync(path, `${path}.elsewhere`);
      Deno.symlinkSync(`${path}.elsewhere`, path);
    },
    reason: /not a regular file/,
  },
  {
    description: "a symbolic link to nowhere",
    damage: (path) => {
      Deno.removeSync(path);
      Deno.symlinkSync(`${path}.nowhere`, path);
    },
    reason: /not a regular file/,
  },
];

for (const { description, damage, reason } of DAMAGES) {
  Deno.test(`openTableFile() refuses ${description}, says why and starts anew`, () =>
    withTablePath((path) => {
      leaveTable(path);
      damage(path);
      const { adoption, entries } = adopt(path);
      assert.equal(adoption.kind, "refused");
      assert.match((adoption as { reason: string }).reason, reason);
      assert.deepEqual(entries, []);
      assert.ok(Deno.lstatSync(path).isFile);
      assert.deepEqual(adopt(path).adoption, { kind: "adopted", connections: 0 });
    }));
}

Deno.test("openTableFile() does not write through a symbolic link", () =>
  withTablePath((path) => {
    const target = `${path}.target`;
    Deno.writeTextFileSync(target, "precious");
    for (const name of [path, `${path}.new`]) {
      Deno.symlinkSync(target, name);
      adopt(path);
      assert.equal(Deno.readTextFileSync(target), "precious");
      Deno.removeSync(path);
    }
  }));

Deno.test("openTableFile() refuses a table from before the last boot: its clock began elsewhere", () =>
  withTablePath((path) => {
    leaveTable(path);
    const { adoption } = adopt(path, { bootId: "another" });
    assert.deepEqual(adoption, { kind: "refused", reason: "it is from before the last boot" });
  }));

Deno.test("openTableFile() notices any flipped bit of the header's fields", () =>
  withTablePath((path) => {
    leaveTable(path);
    const good = Deno.readFileSync(path);
    for (const at of [0, 20, 32, 36, 39, 50, 64, 100, 2_000, HEADER_BYTES - 5, HEADER_BYTES - 1]) {
      for (const bit of [0, 7]) {
        const bad = good.slice();
        bad[at]! ^= 1 << bit;
        Deno.writeFileSync(path, bad);
        assert.equal(adopt(path).adoption.kind, "refused", `bit ${bit} of byte ${at}`);
      }
    }
  }));

Deno.test("openTableFile() leaves out entries that cannot be: state, protocol, flags, time, unknown names", () =>
  withTablePath((path) => {
    const left = leaveTable(path);
    const good = Deno.readFileSync(path);
    const words = new Uint32Array(good.buffer, FIRST_WORD_AT);
    const free: number[] = [];
    let at = 0;
    for (let slot = 0; slot < words.length / 8; slot++) {
      if (words[slot * 8 + 5] === 0) free.push(slot * 8);
      else if ((words[slot * 8 + 5]! & 0xffff) === 6 && words[slot * 8 + 3] === 1) at = slot * 8;
    }
    const whole = words.slice(at, at + 8);
    const change = (entry: Uint32Array, word: number, value: number) => entry[word] = value;
    const garbage: ((entry: Uint32Array) => void)[] = [
      (entry) => change(entry, 5, (whole[5]! & 0xffff0000) | 132),
      (entry) => change(entry, 5, (whole[5]! & 0xffff0000) | 17),
      (entry) => change(entry, 5, (0x3f00 << 16) | 6),
      (entry) => change(entry, 5, 6),
      (entry) => change(entry, 6, (whole[6]! & 0xffff0000) | State.None),
      (entry) => change(entry, 6, (whole[6]! & 0xffff0000) | State.Template),
      (entry) => change(entry, 6, (whole[6]! & 0xffff0000) | 0x200 | State.Established),
      (entry) => change(entry, 6, 0xffff0000 | State.Established),
      (entry) => change(entry, 7, NOW_MS),
      (entry) => change(entry, 7, NOW_MS + WEEK_MS + 1),
      (entry) => entry.fill(0xa5a5a5a5),
    ];
    for (const spoil of garbage) {
      const entry = whole.slice();
      entry[3] = 77;
      spoil(entry);
      const bad = good.slice();
      new Uint32Array(bad.buffer, FIRST_WORD_AT).set(entry, free[0]!);
      Deno.writeFileSync(path, bad);
      assert.deepEqual(adopt(path).entries, left, String(spoil));
    }
  }));

Deno.test("openTableFile() leaves out entries whose names are broken, and adopts the others", () =>
  withTablePath((path) => {
    leaveTable(path);
    const bytes = Deno.readFileSync(path);
    // The first text is that of the VIP: both connections go, the template stays.
    bytes.fill(0xff, HEADER_BYTES + 192 + 2, HEADER_BYTES + 192 + 6);
    Deno.writeFileSync(path, bytes);
    assert.deepEqual(adopt(path).adoption, { kind: "adopted", connections: 1 });
  }));

Deno.test("openTableFile() says what is in the way", () =>
  withTablePath((path) => {
    for (const name of [path, `${path}.new`]) {
      Deno.mkdirSync(`${name}/full`, { recursive: true });
      assert.throws(() => open(path), (error) => {
        assert.ok(error instanceof HostError);
        assert.equal(error.exitCode, ExitCode.UNAVAILABLE);
        assert.match(error.message, /^Cannot make the connection table: (mv|rm) /);
        return true;
      });
      Deno.removeSync(name, { recursive: true });
    }
    assert.deepEqual([...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))], [], "nothing is left behind");
  }));

const isRoot = Deno.uid() === 0;
Deno.test(
  `openTableFile() without room says so, leaves nothing behind and spares the old file${
    isRoot ? "" : " (skipped: needs root)"
  }`,
  { ignore: !isRoot },
  () =>
    withTablePath(async (path) => {
      // A mount namespace of its own: whatever happens, the mount goes with the process.
      const script = `mount -t tmpfs -o size=10m lvsdr-full "$0" && exec "$@"`;
      const directory = path.replace(/\/[^/]*$/, "");
      const test = new URL("./table_without_room.ts", import.meta.url).pathname;
      const { stdout, stderr, code } = await new Deno.Command("unshare", {
        args: ["-m", "sh", "-c", script, directory, Deno.execPath(), "run", "-q", "-A", test, path],
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
        error: "HostError",
        message:
          `Cannot map the connection table: reserve 59149824 bytes for ${path}.new: No space left on device`,
        left: ["connections"],
        afterwards: { kind: "adopted", connections: 3 },
      });
    }),
);
