/** The step `power` of the target aws: a host runs, or is fenced and proven to be off. */
import { spawn } from "node:child_process";
import { fencedPolicyName, rolePolicyName } from "../../../model/aws/policies.ts";
import type { DeclaredRole, DeclaredVolume, FenceOrder, PowerInput } from "../../../model/stepInputs.ts";
import { AwsFailure, type Ec2, type FoundInstance, type Iam } from "./awsClients.ts";

export interface PowerOptions {
  /** Takes one line of progress. */
  readonly say: (line: string) => void;
  /** How long EC2 is waited for. @default 180 for a fence, 300 for a host that is to run */
  readonly seconds?: number;
  /** How long a host may take to shut down by itself: with `clean`, before it is forced. @default 120 */
  readonly cleanSeconds?: number;
  /** How long EC2 may take over a forced stop, before the operating system is not asked any more. @default 30 */
  readonly gracefulSeconds?: number;
  /** How long EC2 may not know an instance. @default 30 */
  readonly graceSeconds?: number;
  /** How long a call that only looks is tried again, where nothing depends on its answer. @default 20 */
  readonly lookSeconds?: number;
  /** Takes what is not known, with a hint: a warning of the update, and a reason to run this again. */
  readonly miss?: (what: string) => void;
  readonly pauseMilliseconds?: number;
  /** Runs a command of the operator's; undefined where it ended with 0, else what is wrong. */
  readonly run?: (command: string, change: string) => Promise<string | undefined>;
}

/** What is wrong, with a hint; undefined: it is as it is to be. */
type Problem = string | undefined;

/**
 * Stops a host, and looks until EC2 says that it is off. Nothing else is believed: neither what the engine remembers, nor that the stop was
 * accepted. Where EC2 can't tell, the operator's command or word proves it.
 */
export async function fence(
  { name, instance, volume, fence: order }: PowerInput & { readonly fence: FenceOrder },
  ec2: Ec2,
  options: PowerOptions,
): Promise<Problem> {
  const { say, run = runCommand, pauseMilliseconds = 2000, cleanSeconds = 120, gracefulSeconds = 30 } = options;
  const { stop, word, change, tags } = order;
  // Who has a word of the operator's asks EC2 for a moment only.
  const seconds = options.seconds ?? (word === undefined ? 180 : word.statement === undefined ? 90 : 20);
  const begin = Date.now();
  const waited = () => (Date.now() - begin) / 1000;
  const forceFrom = stop === "force" || word !== undefined ? 0 : cleanSeconds;
  let sentAs = "";
  let known = "EC2 did not answer";
  for (;;) {
    try {
      const found = await ec2.instance(instance);
      known = found === undefined ? "not known to EC2" : found.state;
      if (found === undefined) break;
      if (found.state === "stopped" && found.hibernates) {
        known = hibernated;
        break;
      }
      if (found.state === "terminated" || found.state === "stopped") {
        const holders = await ec2.holders(volume.id, tags);
        const other = holders.find(({ id, state }) => id !== instance && state !== "terminated");
        if (other === undefined) return undefined;
        return `${name}: its instance ${instance} is ${known}, and ${other.id} (${other.state}) was made for this node too, or has its volume: it is not fenced
HINT: the stack's state is older than what is in AWS, or an update was killed. Bring the state up to date ('pulumi up --refresh'), or terminate ${other.id} if it is left over ('npm run orphans'); then run 'pulumi up' again.`;
      }
      const how = { force: waited() >= forceFrom, skipOsShutdown: waited() >= forceFrom + gracefulSeconds };
      const sending = `${how.force} ${how.skipOsShutdown}`;
      if (sending !== sentAs && found.state !== "shutting-down") {
        await ec2.stop(instance, how);
        sentAs = sending;
        say(`${inWords(how)} (it is ${found.state})`);
      }
    } catch (error) {
      if (!(error instanceof AwsFailure)) throw error;
      known = error.message;
      // A word is for what EC2 can't tell, and not for missing rights: without them nothing was ever stopped.
      if (!error.passing && sentAs === "")
        return `${name}: its instance ${instance} was not stopped: ${known}\nHINT: mend that (sign in to AWS anew, or see docs/aws-deployer.json), then run 'pulumi up' again.`;
    }
    if (waited() >= seconds) break;
    await pause(pauseMilliseconds);
  }
  if (word?.command !== undefined) {
    say(`EC2 does not prove that it is off (${known}); the command of nodes.${name}.fence does`);
    const problem = await run(word.command, change);
    return (
      problem &&
      `${name}: the command of nodes.${name}.fence does not prove that the host is off: ${problem}
HINT: it has to end with 0, once the host is off.`
    );
  }
  if (word?.statement !== undefined) {
    say(`EC2 does not prove that it is off (${known}); taken for off by the operator's word: ${word.statement}`);
    return undefined;
  }
  const proofless = `${name}: its instance ${instance} is not proven to be off (${known}): it is not fenced`;
  if (known === hibernated)
    return `${proofless}\nHINT: it could go on from its memory as a primary. Terminate it; or, once you have seen that it is off: ${byWord(name)}`;
  return `${proofless}
HINT: Run 'pulumi up' again: it continues. Where EC2 can't tell (a zone that is gone), and you know that the host is off, say so: ${byWord(name)}`;
}

const hibernated = "stopped, and it can hibernate";

const byWord = (name: string) =>
  `pulumi config set --path nodes.${name}.fence.statement '<who says so, and how it was seen>'`;

function inWords({ force, skipOsShutdown }: { force: boolean; skipOsShutdown: boolean }): string {
  if (skipOsShutdown) return "its power is cut, without a shutdown";
  return force ? "it is stopped by force" : "it is asked to shut down";
}

/**
 * Brings a host up that is stopped, and waits until EC2 says that it runs. Where EC2 does not answer, the next step finds out whether it runs: a
 * failover must not wait for that.
 */
export async function start(
  { name, instance, otherTypes = [] }: Pick<PowerInput, "name" | "instance" | "otherTypes">,
  ec2: Ec2,
  options: PowerOptions,
): Promise<Problem> {
  const { say, seconds = 300, graceSeconds = 30, pauseMilliseconds = 2000 } = options;
  const deadline = Date.now() + seconds * 1000;
  const types = [...otherTypes];
  // EC2 may need some seconds to know an instance that it has just made.
  const known = Date.now() + graceSeconds * 1000;
  let state = "unknown";
  for (;;) {
    const asked = await look(ec2.instance.bind(ec2, instance), options);
    if ("failure" in asked) {
      options.miss?.(`${name}: whether its instance ${instance} runs is not known: ${asked.failure.message}
HINT: the steps that log in to it find out; the next 'pulumi up' asks EC2 again.`);
      return undefined;
    }
    try {
      const found: FoundInstance | undefined = asked.answer;
      state = found?.state ?? (Date.now() < known ? "not known yet" : "gone");
      if (state === "running") return undefined;
      if (["terminated", "shutting-down", "gone"].includes(state)) {
        return `${name}: its instance ${instance} is ${state}
HINT: 'pulumi up --refresh' makes another one, on the node's old volume and address.`;
      }
      if (state === "stopped") {
        say("starting its instance");
        await ec2.start(instance);
      }
    } catch (error) {
      if (!(error instanceof AwsFailure)) throw error;
      if (/Capacity/.test(error.code)) {
        const type = types.shift();
        if (type !== undefined) {
          say(`AWS has no room for its type; it becomes ${type}`);
          const refused = await becomes(type, { name, instance }, ec2);
          if (refused !== undefined) return refused;
          continue;
        }
        return `${name}: its instance ${instance} can't be started: ${error.message}
HINT: AWS has no room for its type in that zone now. Run 'pulumi up' again later, or set nodes.${name}.otherInstanceTypes.`;
      }
      if (!error.passing || Date.now() >= deadline)
        return `${name}: its instance ${instance} can't be started: ${error.message}\nHINT: mend that, then run 'pulumi up' again.`;
    }
    if (Date.now() >= deadline)
      return `${name}: its instance ${instance} is ${state} after ${seconds} s\nHINT: see its console output in EC2, then run 'pulumi up' again.`;
    await pause(pauseMilliseconds);
  }
}

async function becomes(
  type: string,
  { name, instance }: Pick<PowerInput, "name" | "instance">,
  ec2: Ec2,
): Promise<Problem> {
  try {
    await ec2.become(instance, type);
    return undefined;
  } catch (error) {
    if (!(error instanceof AwsFailure)) throw error;
    return `${name}: its instance ${instance} can't become one of ${type}: ${error.message}\nHINT: set other nodes.${name}.otherInstanceTypes, then run 'pulumi up' again.`;
  }
}

/** What a call says that only looks; tried again for a moment. */
async function look<T>(
  ask: () => Promise<T>,
  { lookSeconds = 20, pauseMilliseconds = 2000 }: PowerOptions,
): Promise<{ readonly answer: T } | { readonly failure: AwsFailure }> {
  const until = Date.now() + lookSeconds * 1000;
  for (;;) {
    try {
      return { answer: await ask() };
    } catch (error) {
      if (!(error instanceof AwsFailure)) throw error;
      if (!error.passing || Date.now() >= until) return { failure: error };
    }
    await pause(pauseMilliseconds);
  }
}

/**
 * A volume is as declared. The provider changes it; but what it was refused, it takes for done in the next update, because it remembers what was
 * wanted and not what is (docs/decisions/aws.md). Where EC2 does not say what it is, nothing waits for that.
 */
export async function fitVolume(
  { name, volume }: { readonly name: string; readonly volume: DeclaredVolume },
  ec2: Ec2,
  options: PowerOptions,
): Promise<Problem> {
  const { say, seconds = 180, pauseMilliseconds = 2000 } = options;
  const { id, ...wanted } = volume;
  const deadline = Date.now() + seconds * 1000;
  let sent = false;
  for (;;) {
    const asked = await look(ec2.volume.bind(ec2, id), options);
    if ("failure" in asked) {
      options.miss?.(`${name}: whether its volume ${id} is as declared is not known: ${asked.failure.message}
HINT: the next 'pulumi up' asks EC2 again.`);
      return undefined;
    }
    try {
      const found = asked.answer;
      if (found === undefined)
        return `${name}: its volume ${id} is not there\nHINT: run 'pulumi up --refresh'; a volume that is lost is restored from the archive or a snapshot.`;
      if (found.sizeGb > wanted.sizeGb)
        return `${name}: its volume has ${found.sizeGb} GB, and ${wanted.sizeGb} are declared: it can't become smaller
HINT: pulumi config set --path nodes.${name}.volume.size ${found.sizeGb}GB`;
      if (!found.modifying && fits(found, wanted)) return undefined;
      if (!found.modifying && !sent) {
        say(`its volume is changed: AWS refused this to an earlier update`);
        await ec2.modify(id, wanted);
        sent = true;
      }
    } catch (error) {
      if (!(error instanceof AwsFailure)) throw error;
      if (/ModificationRate|IncorrectModificationState|VolumeModification/.test(error.code))
        return `${name}: its volume can't be changed now: ${error.message}
HINT: AWS lets a volume be changed once in some hours. Run 'pulumi up' again later. If something else is urgent, set nodes.${name}.volume back to what it has.`;
      if (!error.passing || Date.now() >= deadline)
        return `${name}: its volume is not as declared: ${error.message}\nHINT: mend that, then run 'pulumi up' again.`;
    }
    if (Date.now() >= deadline)
      return `${name}: its volume is still being changed after ${seconds} s\nHINT: run 'pulumi up' again later.`;
    await pause(pauseMilliseconds);
  }
}

function fits(found: Omit<DeclaredVolume, "id">, wanted: Omit<DeclaredVolume, "id">): boolean {
  return (["type", "sizeGb", "iops", "throughput"] as const).every(
    (key) => wanted[key] === undefined || found[key] === wanted[key],
  );
}

/**
 * A role may do what is declared, and is denied nothing. Not asked of IAM in a way that could stop a failover: whoever lacks a right is told so by
 * what needs it.
 */
export async function fitRole(
  { name, role }: { readonly name: string; readonly role: DeclaredRole },
  iam: Iam,
  { say }: PowerOptions,
): Promise<void> {
  try {
    await iam.remove(role.name, fencedPolicyName);
    if (role.policy === undefined) return;
    const found = await iam.policy(role.name, rolePolicyName);
    if (found !== undefined && sameJson(found, role.policy)) return;
    await iam.put(role.name, rolePolicyName, role.policy);
    say("its role's policy is put back to what is declared");
  } catch (error) {
    if (!(error instanceof AwsFailure)) throw error;
    say(`warning: it is not known whether its role may do what is declared: ${error.message}`);
    say(`HINT: where the archive refuses ${name} later, run 'pulumi up' again once IAM answers.`);
  }
}

function sameJson(a: string, b: string): boolean {
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch {
    return false;
  }
}

/** As `ssh`'s fence: on the operator's machine, with the change in its environment. */
function runCommand(command: string, change: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn("/bin/sh", ["-c", command], {
      stdio: ["ignore", process.stderr, process.stderr],
      env: { ...process.env, CHANGE: change },
    });
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code === 0 ? undefined : `it ended with ${code ?? signal}`));
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
