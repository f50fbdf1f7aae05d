import assert from "node:assert/strict";
import { NotifyListener, notifyObstacle } from "./notify_listener.ts";
import { obstacle, RealServerPair, VIP } from "./realserver_pair.ts";

const reason = obstacle ?? notifyObstacle;
const ignore = reason !== null;
const needing = reason === null ? "" : ` (skipped: ${reason})`;

Deno.test(`systemd is told READY=1 when the host is verified, STOPPING=1 before it is given back${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  await using systemd = await NotifyListener.open(`${pair.folder}/notify`);
  pair.setEnvironment("NOTIFY_SOCKET", systemd.path);
  // Nothing is ready that cannot be verified.
  await pair.server.ip([`address add ${VIP}/24 dev lo`]);
  assert.equal((await pair.role("--vip", VIP)).code, 1);
  await pair.server.ip([`address delete ${VIP}/24 dev lo`]);

  const role = await pair.hold("--vip", VIP);
  const told = await systemd.until(/READY=1/);
  assert.match(told, /READY=1 STATUS=Hardened and verified/);
  assert.equal(told.match(/READY=1/g)!.length, 1, told);
  assert.doesNotMatch(told, /STOPPING/);
  assert.equal(await pair.isAnswered(VIP), false);
  assert.equal((await role.stop("SIGTERM")).code, 0);
  await systemd.until(/STOPPING=1/);
});

Deno.test(`a role that cannot tell systemd that it is ready says so once and holds the host${needing}`, {
  ignore,
}, async () => {
  await using pair = await RealServerPair.create();
  pair.setEnvironment("NOTIFY_SOCKET", `${pair.folder}/notify`);
  pair.hide("systemd-notify");
  const { code, text } = await (await pair.hold("--vip", VIP)).stop("SIGTERM");
  assert.equal(code, 0, text);
  assert.equal(
    text.match(/is not told .*: systemd-notify is not installed \(apt-get install systemd\)/g)?.length,
    1,
  );
});
