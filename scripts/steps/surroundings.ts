/**
 * The step `surroundings` of the target aws: what a change of primary asks of Route 53 and IAM, once the new one leads. None of it is needed for
 * safety, so what fails is a warning, and the next update tries it again. Run by `components/targets/aws/target.ts`.
 *
 * stdin   JSON: a SurroundingsInput
 * stdout  JSON: { missing: what could not be done, again: what the next update gives this step }
 */
import { text } from "node:stream/consumers";
import type { SurroundingsInput } from "../../model/stepInputs.ts";
import { iamOf, route53Of } from "./lib/awsClients.ts";
import { surround } from "./lib/recordsAndRoles.ts";

const input = JSON.parse(await text(process.stdin)) as SurroundingsInput;
// Once nothing is missing any more, the next update finds what this one was given, and does not run the step again.
const missing = await surround(input, { iam: () => iamOf(input), route53: () => route53Of(input) });
const again = missing.length > 0 ? new Date().toISOString() : input.again;
console.log(JSON.stringify({ missing, again }));
