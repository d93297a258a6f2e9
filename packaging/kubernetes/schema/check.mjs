// Holds manifests against the schemas of the Kubernetes API (package kubernetes-models): a list of objects as JSON on standard input,
// a line for each that does not fit, exit code 1 if there is one.
import { readFileSync } from "node:fs";
import { DaemonSet, Deployment, StatefulSet } from "kubernetes-models/apps/v1";
import { Service } from "kubernetes-models/v1";

const kinds = { DaemonSet, Deployment, Service, StatefulSet };
let bad = 0;
for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  const Kind = kinds[object.kind];
  try {
    if (!Kind) throw new Error("no schema is named in check.mjs for this kind");
    new Kind(object).validate();
  } catch (error) {
    bad += 1;
    console.log(`${object.kind} ${object.metadata?.name}: ${error.message}`);
  }
}
process.exit(bad === 0 ? 0 : 1);
