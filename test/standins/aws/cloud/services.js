// @ts-check
/** The cloud's own servers run in containers that have no Node: they get this machine's, and see the cloud's state. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inProject, run } from "./docker.js";

/**
 * Options of `docker run`.
 *
 * @param {import("./cloud.js").Cloud} cloud
 */
export const serviceMounts = (cloud) =>
  [
    [process.execPath, "/usr/local/bin/node"],
    [inProject("test/standins/aws/services"), "/services"],
    [cloud.folder, "/cloud"],
  ].flatMap(([source, target]) => ["--mount", `type=bind,source=${source},target=${target},readonly`]);

/**
 * Puts a certificate of the cloud's CA, which all its instances trust, and its key into a folder.
 *
 * @param {import("./cloud.js").Cloud} cloud
 * @param {string} folder
 * @param {readonly string[]} names
 */
export async function certify(cloud, folder, names) {
  const wanted = { ca: cloud.state.ca, commonName: names[0], dnsNames: names, ipAddresses: [], days: 2 };
  const made = await run(
    process.execPath,
    [inProject("scripts/make-secret.mjs"), "certificate"],
    JSON.stringify(wanted),
  );
  const { certificate, privateKey } = JSON.parse(made);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "server.crt"), certificate);
  writeFileSync(join(folder, "server.key"), privateKey, { mode: 0o600 });
}
