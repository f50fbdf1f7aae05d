import assert from "node:assert/strict";
import { parseStoppedServers, unitOfGroup } from "../../../sentinel/doctor/programs.ts";

Deno.test("parseStoppedServers() takes units that are to run and are stopped, or have failed", () => {
  const unit = (id: string, load: string, active: string, file = "enabled") =>
    `Id=${id}.service\nLoadState=${load}\nActiveState=${active}\nUnitFileState=${file}\n`;
  const output = [
    unit("apache2", "not-found", "inactive"),
    unit("nginx", "loaded", "inactive"),
    unit("lighttpd", "loaded", "inactive", "disabled"),
    unit("haproxy", "loaded", "failed", "disabled"),
    unit("haproxy", "loaded", "failed", "disabled"),
    unit("postfix", "loaded", "active"),
    unit("caddy", "masked", "inactive"),
  ].join("\n");
  assert.deepEqual(parseStoppedServers(output).map((server) => server.unit), [
    "nginx.service",
    "haproxy.service",
  ]);
  assert.deepEqual(parseStoppedServers(""), []);
});

Deno.test("unitOfGroup() is the service itself, and none of a session or of a container in a service", () => {
  assert.equal(unitOfGroup("0::/system.slice/keepalived.service\n"), "keepalived.service");
  assert.equal(unitOfGroup("1:name=systemd:/system.slice/ssh.service\n0::/\n"), "ssh.service");
  assert.equal(unitOfGroup("0::/user.slice/user-0.slice/session-3.scope\n"), null);
  assert.equal(unitOfGroup("0::/system.slice/containerd.service/kubepods-pod1:cri:2\n"), null);
  assert.equal(unitOfGroup("0::/\n"), null);
});
