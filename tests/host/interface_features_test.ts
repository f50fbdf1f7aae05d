import assert from "node:assert/strict";
import { parseFeatures, readFeatures, readFeaturesIfThere } from "../../host/interface_features.ts";
import { HostError } from "../../model/operator_error.ts";

Deno.test("parseFeatures() leaves out names that stand for several features", () => {
  const report = [{
    "ifname": "eth0",
    "tx-checksumming": { "active": true, "fixed": null, "requested": null },
    "tx-checksum-ip-generic": { "active": true, "fixed": false, "requested": true },
    "large-receive-offload": { "active": false, "fixed": true, "requested": false },
  }];
  assert.deepEqual(Object.fromEntries(parseFeatures(JSON.stringify(report))), {
    "tx-checksum-ip-generic": { isOn: true, isFixed: false },
    "large-receive-offload": { isOn: false, isFixed: true },
  });
});

Deno.test("readFeatures() reads those of this host's loopback, and refuses an interface that is not there", async () => {
  assert((await readFeatures("lo")).has("generic-receive-offload"));
  await assert.rejects(readFeatures("nonesuch"), HostError);
  assert.equal(await readFeaturesIfThere("nonesuch"), null);
});
