import type { Change } from "./change.ts";
import { excluding, type Member, type Members, nobody } from "./member.ts";

/** The durable memory of a node: the last change that it knows to be taken, by whom, and who the members were then. */
export interface Token extends Change {
  /** The id of the ledger that the entry is in. */
  readonly ledger: string;
  /** The digest of the entry, by which an archive that was replaced is noticed. Empty: not known. */
  readonly digest: string;
  /** Who took the change. `null`: this node has not heard of any. */
  readonly leader: Member | null;
  readonly members: Members;
  /** To whom this node has promised that they may take over without the ledger. */
  readonly promises: Members;
  /** The id of the ledger that this node has agreed to have in the place of `ledger`: from then on it heeds no other (replace.ts). */
  readonly successor?: string;
}

/** Of a node that has never followed. */
export const noToken: Token = {
  ledger: "",
  digest: "",
  entry: 0,
  overrides: 0,
  leader: null,
  members: nobody,
  promises: nobody,
};

/** The id of the ledger by which this node leads, claims and starts. */
export const heeded = ({ ledger, successor }: Token): string => successor ?? ledger;

/** What a node has agreed to, with these promises: without one it heeds the ledger of its token again. */
export function bound(token: Token, promises: Members, successor: string | undefined): Token {
  const { successor: _, ...rest } = token;
  const isKept = successor !== undefined && successor !== token.ledger && promises.length > 0;
  return isKept ? { ...rest, promises, successor } : { ...rest, promises };
}

/**
 * The token of a node that hears who leads. A promise to the leader has served its purpose; others still bind. One that is for a new ledger has
 * served it when the leader leads by that ledger: a primary that waits to replace the old one may do so yet.
 */
export function adopt(my: Token, theirs: Token): Token {
  const isFor = my.successor === undefined || my.successor === theirs.ledger;
  const promises = theirs.leader === null || !isFor ? my.promises : excluding(my.promises, theirs.leader);
  return bound(theirs, promises, my.successor);
}
