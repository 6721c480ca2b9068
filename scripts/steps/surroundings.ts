/**
 * The step `surroundings` of the target aws: what a change of primary asks of Route 53 and IAM, once the new one leads. None of it is needed for
 * safety, so what fails is a warning, and the next update tries it again. Run by `components/targets/aws/target.ts`.
 *
 * stdin   JSON: a SurroundingsInput
 * stdout  JSON: { missing: what could not be done, at }
 */
import { text } from "node:stream/consumers";
import type { SurroundingsInput } from "../../model/stepInputs.ts";
import { iamOf, route53Of } from "./lib/awsClients.ts";
import { surround } from "./lib/surroundings.ts";

const input = JSON.parse(await text(process.stdin)) as SurroundingsInput;
const missing = await surround(input, { iam: () => iamOf(input), route53: () => route53Of(input) }, console.error);
console.log(JSON.stringify({ missing, at: missing.length > 0 ? new Date().toISOString() : "" }));
