// @ts-check
/** The cloud's own servers run in containers that have no Node: they get this machine's, and see the cloud's state. */
import { inProject } from "./docker.js";

/**
 * Options of `docker run`.
 *
 * @param {import("./cloud.js").Cloud} cloud
 */
export const serviceMounts = (cloud) =>
  [
    [process.execPath, "/usr/local/bin/node"],
    [inProject("offline/aws-plugin/services"), "/services"],
    [cloud.folder, "/cloud"],
  ].flatMap(([source, target]) => ["--mount", `type=bind,source=${source},target=${target},readonly`]);
