/**
 * Compares the decisions with those of another implementation, on inputs that its search met: one JSON object a line, `{ f, in, out }`.
 * `npm run search -- --conform FILE...`
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import * as d from "../../../model/leadership/index.ts";
import { lossUnknown } from "./machine.ts";
import { NAMES, nameAt } from "./state.ts";

// biome-ignore lint/suspicious/noExplicitAny: what the other implementation wrote
type Raw = any;

const LEDGER = "ledger";
const SECRET = "now";
const names = (mask: number): d.Members => NAMES.filter((_, node) => mask & (1 << node));
const change = ([entry, overrides]: [number, number]): d.Change => ({ entry, overrides });
const pair = ({ entry, overrides }: d.Change): [number, number] => [entry, overrides];
const token = (t: Raw): d.Token => ({
  ledger: LEDGER,
  digest: "",
  entry: t.epoch,
  overrides: t.unwritten,
  leader: t.leader < 3 ? nameAt(t.leader) : null,
  members: names(t.members),
  promises: names(t.words),
});
const arming = (a: Raw): d.Arming => {
  if (a === null) return d.notArmed;
  if ("unlisted" in a) return { kind: "override", change: change(a.unlisted), secret: SECRET };
  return a.entry === 0 ? { kind: "open", secret: SECRET } : { kind: "entry", entry: a.entry, secret: SECRET };
};
const answer = (a: Raw): d.Answer => ({
  token: token(a.token),
  arming: arming(a.arming),
  serving: a.serving,
  joined: a.joined,
});
const answers = (list: Raw[]): d.Answers =>
  new Map(list.flatMap((each, node) => (each ? [[nameAt(node), answer(each)] as const] : [])));
const membersOf = (mask: number, since: number[]): Record<d.Member, number> =>
  Object.fromEntries(NAMES.flatMap((name, node) => (mask & (1 << node) ? [[name, since[node] as number]] : [])));
const entries = (list: Raw[]): d.Entry[] =>
  list.map((e, at) => ({
    ledger: LEDGER,
    number: at + 1,
    epoch: 0,
    kind: e.kind,
    by: nameAt(e.by),
    to: nameAt(e.to),
    over: names(e.over),
    base: change(e.base),
    held: change(e.held),
    consent: e.consent ? lossUnknown : null,
    members: membersOf(e.members, e.since),
    named: d.sorted(list.slice(0, at + 1).map((before: Raw) => nameAt(before.to))),
    nonce: "",
    at: "",
    digest: "",
    previous: "",
    taken: e.taken,
  }));
const reading = (list: Raw[]): d.Reading =>
  list.length === 0 ? d.unread("out of reach") : { kind: "read", entries: entries(list) };
const draft = (e: Raw) =>
  e && {
    kind: e.kind,
    by: nameAt(e.by),
    to: nameAt(e.to),
    over: names(e.over),
    base: change(e.base),
    held: change(e.held),
    consent: e.consent ? lossUnknown : null,
    members: membersOf(e.members, e.since),
  };
const drafted = (decided: d.Decision<{ draft: d.Draft }>) => (decided.may ? decided.draft : null);
const walEnd = (length: number): d.WalEnd => ({ timeline: 1, lsn: BigInt(length) });

const decisions: Record<string, (input: Raw[], out: Raw) => [unknown, unknown]> = {
  hear: ([me, my, peer, floor], out) => [d.hear(nameAt(me), token(my), answer(peer), change(floor)).kind, out],
  decideStart: ([me, my, a, ledger, heard, again], out) => {
    const inquiry: d.Inquiry = { reading: reading(ledger), isFresh: true, heard: names(heard), again: names(again) };
    const start = d.mayStart(nameAt(me), token(my), arming(a), inquiry);
    return [
      start.kind === "ask" ? { ask: start.silent } : start.kind,
      out.ask === undefined ? out : { ask: names(out.ask) },
    ];
  },
  claim: ([me, my, serving, ledger, a, consent, list], out) => [
    drafted(
      d.claim({
        me: nameAt(me),
        my: token(my),
        serving,
        reading: reading(ledger),
        answers: answers(a),
        consent: consent ? lossUnknown : null,
        ...(list === null ? {} : { list: names(list) }),
      }),
    ),
    draft(out),
  ],
  offer: ([me, my, serving, ledger, to, a], out) => [
    drafted(d.offer(nameAt(me), token(my), serving, reading(ledger), nameAt(to), answer(a))),
    draft(out),
  ],
  standsDown: ([my, serving, base], out) => [d.mayStandDown(nameAt(0), token(my), serving, change(base)).may, out],
  mayTake: ([me, my, writes, a, ledger, stopped], out) => [
    d.mayTakeOver(
      nameAt(me),
      token(my),
      writes,
      arming(a),
      entries(ledger),
      new Map(stopped.map((number: number, node: number) => [nameAt(node), number])),
    ).may,
    out,
  ],
  mayTakeOffer: ([me, my, a, told, replayed], out) => {
    const armed = arming(a);
    const stopped = { secret: SECRET, entry: armed.kind === "entry" ? armed.entry : 0, end: walEnd(told ?? 0) };
    const may = d.mayTakeOffer(nameAt(me), token(my), armed, told === null ? null : stopped, walEnd(replayed));
    return [may.may ? may.entry : null, out];
  },
  mayFollow: ([my, a, serving, to, leader], out) => [
    d.mayFollow(nameAt(2), token(my), arming(a), serving, nameAt(to), answer(leader)).may,
    out,
  ],
  unlisted: ([my, a], out) => [pair(d.overrideAbove(token(my), answers(a))), out],
  givesWord: ([my, serving, number], out) => [d.mayPromise(nameAt(0), token(my), serving, change(number)).may, out],
  mayTakeUnlisted: ([me, my, a, nodes, stopped], out) => [
    d.mayTakeOverride(nameAt(me), token(my), arming(a), names(nodes), names(stopped)).may,
    out,
  ],
  wordIsVoid: ([me, my, a, isOff], out) => [d.promiseIsVoid(nameAt(me), token(my), a && answer(a), isOff), out],
};

/** An order of keys that is the same for both. */
const text = (value: unknown): string =>
  JSON.stringify(value, (_, each) =>
    each && typeof each === "object" && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort()) : each,
  );

export interface Conformance {
  /** How many distinct inputs each decision was compared on. */
  readonly compared: ReadonlyMap<string, number>;
  readonly differences: readonly string[];
}

export async function conform(files: readonly string[]): Promise<Conformance> {
  const compared = new Map<string, number>();
  const differences: string[] = [];
  const seen = new Set<string>();
  for (const file of files)
    for await (const line of createInterface({ input: createReadStream(file) })) {
      if (line === "" || seen.has(line)) continue;
      seen.add(line);
      const { f, in: input, out } = JSON.parse(line);
      const decide = decisions[f];
      if (!decide) throw new Error(`${file}: there is no decision '${f}'`);
      const [got, expected] = decide(input, out);
      compared.set(f, (compared.get(f) ?? 0) + 1);
      if (text(got) !== text(expected))
        differences.push(`${f} ${JSON.stringify(input)}: ${text(got)} instead of ${text(expected)}`);
    }
  return { compared, differences };
}
