import assert from "node:assert/strict";
import {
  isActive,
  isHalfOpen,
  isReusable,
  nextTcpState,
  opensConnection,
  State,
  STATE_NAMES,
} from "../../datapath/connection_state.ts";
import { Flag } from "./frame_builder.ts";

const { None, SynReceived: SR, Established: ES, FinWait: FW, TimeWait: TW, Close: CL } = State;
const TCP_STATES = [None, SR, ES, FW, TW, CL];

/** What follows `None`, `SYN_RECV`, `ESTABLISHED`, `FIN_WAIT`, `TIME_WAIT` and `CLOSE`, in this order. */
const EXPECTED: readonly { readonly flag: number; readonly after: readonly number[] }[] = [
  { flag: Flag.SYN, after: [SR, SR, ES, SR, SR, SR] },
  { flag: Flag.FIN, after: [CL, TW, FW, FW, TW, CL] },
  { flag: Flag.ACK, after: [ES, ES, ES, FW, TW, CL] },
  { flag: Flag.RST, after: [CL, CL, CL, CL, CL, CL] },
  { flag: 0, after: [CL, CL, CL, CL, CL, CL] },
];

const nameOfFlag = (wanted: number) =>
  Object.entries(Flag).find(([, flag]) => flag === wanted)?.[0] ?? "no flag";

for (const { flag, after } of EXPECTED) {
  Deno.test(`nextTcpState() after ${nameOfFlag(flag)} is what IPVS says for input alone`, () => {
    assert.deepEqual(TCP_STATES.map((state) => nextTcpState(state, flag)), after);
  });
}

Deno.test("nextTcpState() heeds RST before SYN before FIN before ACK, and no other flag, for all 256", () => {
  for (let flags = 0; flags < 256; flags++) {
    const decisive = [Flag.RST, Flag.SYN, Flag.FIN, Flag.ACK].find((flag) => (flags & flag) !== 0) ?? 0;
    const expected = EXPECTED.find(({ flag }) => flag === decisive)!.after;
    assert.deepEqual(TCP_STATES.map((state) => nextTcpState(state, flags)), expected, `flags ${flags}`);
  }
});

Deno.test("opensConnection() wants SYN without RST, with ACK or not", () => {
  for (let flags = 0; flags < 256; flags++) {
    assert.equal(opensConnection(flags), (flags & Flag.SYN) !== 0 && (flags & Flag.RST) === 0);
  }
});

Deno.test("Each state is active, reusable or half open as IPVS has it", () => {
  const statesThat = (has: (state: number) => boolean) =>
    Object.entries(State).filter(([, state]) => has(state)).map(([name]) => name);
  assert.deepEqual(statesThat(isActive), ["SynReceived", "Established"]);
  assert.deepEqual(statesThat(isReusable), ["FinWait", "TimeWait", "Close"]);
  assert.deepEqual(statesThat(isHalfOpen), ["SynReceived", "UdpFirst"]);
});

Deno.test("STATE_NAMES has a name for every state", () => {
  assert.deepEqual(Object.values(State).map((state) => STATE_NAMES[state]), [
    ...["NONE", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "TIME_WAIT", "CLOSE", "UDP", "UDP", "TEMPLATE"],
  ]);
});
