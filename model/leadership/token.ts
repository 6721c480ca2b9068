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

/** The token of a node that hears who leads. A promise to the leader has served its purpose; others still bind. */
export function adopt(my: Token, theirs: Token): Token {
  return { ...theirs, promises: theirs.leader === null ? my.promises : excluding(my.promises, theirs.leader) };
}
