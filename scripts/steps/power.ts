/**
 * The step `power` of the target aws: a host runs, with the volume and the role that are declared; or it is fenced, and proven to be off. Run by
 * `components/targets/aws/nodeHost.ts`, with the operator's credentials.
 *
 * stdin   JSON: a PowerInput
 * stdout  JSON: { node, missing: what is not known, again: what the next update gives this step }, of a fenced node also the change that it is proven for
 */
import { text } from "node:stream/consumers";
import type { PowerInput } from "../../model/stepInputs.ts";
import { ec2Of, iamOf } from "./lib/awsClients.ts";
import { fence, fitRole, fitVolume, start } from "./lib/ec2Power.ts";

const input = JSON.parse(await text(process.stdin)) as PowerInput;
const { name, fence: order } = input;
const seconds = Number(process.env.UNDERSTUDY_FENCE_SECONDS ?? Number.NaN);
const missing: string[] = [];
const options = {
  miss: (what: string) => void missing.push(what),
  say: (line: string) => console.error(`${name}: ${line}`),
  // Tests wait for less.
  ...(order && seconds > 0 ? { seconds } : {}),
};
const ec2 = await ec2Of(input);

async function bringUp(): Promise<string | undefined> {
  const problem = (await start(input, ec2, options)) ?? (await fitVolume(input, ec2, options));
  if (problem === undefined) await fitRole(input, await iamOf(input), options);
  return problem;
}

const problem = order ? await fence({ ...input, fence: order }, ec2, options) : await bringUp();
if (problem !== undefined) {
  console.error(problem);
  process.exit(1);
}
const again = missing.length > 0 ? new Date().toISOString() : input.again;
console.log(JSON.stringify({ node: name, missing, again, ...(order ? { change: order.change } : {}) }));
