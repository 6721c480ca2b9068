/** What a message asks for, and what an honest operator does about it: pure functions over text. */
import type { Declarable } from "./plan.ts";
import type { Consent } from "./verdict.ts";

/** What is wrong, and what to do, as the program prints them. */
export interface Message {
  readonly what: string;
  readonly hint: string;
}

export type Remedy =
  | { readonly kind: "state"; readonly node: string; readonly state: Declarable }
  | { readonly kind: "primary"; readonly node: string }
  | { readonly kind: "accept"; readonly consent: Consent }
  | { readonly kind: "withdraw consent" }
  | { readonly kind: "epoch"; readonly epoch: number }
  | { readonly kind: "reconcile" }
  | { readonly kind: "service"; readonly verb: "start" | "stop" | "restart"; readonly node: string };

/** Each hint with the lines before it, once: the engine prints a message when it comes, and again in the end. */
export function messagesIn(output: string): Message[] {
  const messages = new Map<string, Message>();
  let before: string[] = [];
  for (const line of output.split("\n")) {
    const [, hint] = /\bHINT: (.*)$/.exec(line) ?? [];
    if (hint !== undefined) {
      const what = before.slice(-4).join(" ");
      messages.set(`${hint}\n${what}`, { what, hint: hint.trim() });
      before = [];
    } else if (
      line.trim() === "" ||
      line.startsWith("@ updating") ||
      /preflight refuses; no role was touched/.test(line)
    ) {
      before = [];
    } else {
      // The engine's own words, before the first line of a message.
      before.push(line.trim().replace(/^.*?:Command \S+ \S+ \(\d+s\)(?: \[diff: [^\]]*\])?;? */, ""));
    }
  }
  return [...messages.values()];
}

export const isRefusal = (output: string) => /preflight refuses; no role was touched/.test(output);

/** Whether the message may pass by itself: it asks for nothing but time, or another run. */
export const asksForPatience = ({ hint }: Message) =>
  /\bwait\b|again in a moment|by itself|run 'pulumi up' again|look whether|bring (?:it|its host|\S+) back|see (?:that|journalctl|the)/i.test(
    hint,
  );

/** What the operator has made sure of. */
export interface Known {
  /** Hosts that are off, and stay so: the operator has switched them off. */
  readonly off: readonly string[];
  /** What config says of each node. */
  readonly states: Readonly<Record<string, Declarable>>;
}

/**
 * What an honest operator does about a message: of the ways that it offers, the first that is true. A host is declared fenced only if it is off;
 * that a node is to lead in place of another one, only if the other one is off or the message asks for it alone. A loss is accepted where
 * nothing else is offered that can be done.
 */
export function remediesFor({ what, hint }: Message, { off, states }: Known): Remedy[] {
  const isLost = /[Ii]f (?:it|\S+) is lost/.exec(hint);
  const first = isLost ? hint.slice(0, isLost.index) : hint;
  const last = isLost ? hint.slice(isLost.index) : "";
  // Behind "if it is lost" is what replaces a host: with it comes the name of that host, to be fenced.
  const lost = statesIn(last).filter(({ node }) => off.includes(node));
  if (lost.length > 0) return [...lost, ...primaryIn(last)];

  const honest = statesIn(first).filter(
    ({ node, state }) => (state === "active") !== off.includes(node) && states[node] !== state,
  );
  if (honest.length > 0) return honest.slice(0, 1);
  const declared = primaryIn(first).filter(({ node }) => !off.includes(node));
  if (declared.length > 0) return declared.slice(0, 1);
  const epoch = /pulumi config set epoch (\d+)/.exec(hint);
  if (epoch) return [{ kind: "epoch", epoch: Number(epoch[1]) }];
  const consent = consentIn(hint);
  if (consent) return [{ kind: "accept", consent }];
  if (/pulumi config rm accept/.test(hint)) return [{ kind: "withdraw consent" }];
  if (/set reconcile|another 'reconcile'/.test(hint)) return [{ kind: "reconcile" }];
  return servicesIn(hint, what);
}

function statesIn(text: string): Extract<Remedy, { kind: "state" }>[] {
  const found = text.matchAll(/pulumi config set --path '?nodes\.([a-z0-9-]+)\.state'? (active|fenced|absent)/g);
  return [...found].map(([, node = "", state]) => ({ kind: "state", node, state: state as Declarable }));
}

function primaryIn(text: string): Extract<Remedy, { kind: "primary" }>[] {
  const found = text.matchAll(/pulumi config set primary ([a-z0-9-]+)/g);
  return [...found].map(([, node = ""]) => ({ kind: "primary", node }));
}

function consentIn(text: string): Consent | undefined {
  const [, json] = /pulumi config set accept '(\{.*?\})'/.exec(text) ?? [];
  return json === undefined ? undefined : (JSON.parse(json) as Consent);
}

function servicesIn(hint: string, what: string): Remedy[] {
  const [, verb, on] = /systemctl (start|stop|restart) understudy-postgresql(?: on ([a-z0-9-]+))?/.exec(hint) ?? [];
  const node = on ?? /\bnode-[a-z]\b/.exec(what)?.[0];
  if (verb === undefined || node === undefined) return [];
  return [{ kind: "service", verb: verb as "start" | "stop" | "restart", node }];
}
