/**
 * A node under one key: its name, and the fingerprint of the key by which peers know it. A host that was made anew under an old name is another
 * member, and cannot stand down for the old one.
 */
export type Member = `${string}@${string}`;

export const member = (name: string, fingerprint: string): Member => `${name}@${fingerprint}`;

/** What the config calls it. */
export const nameOf = (of: Member): string => of.slice(0, of.lastIndexOf("@"));

/** Sorted, each once: two lists of the same members are equal by value. */
export type Members = readonly Member[];

export const nobody: Members = [];

export const sorted = (members: Iterable<Member>): Members => [...new Set(members)].sort();

export const including = (members: Members, more: Member): Members =>
  members.includes(more) ? members : [...members, more].sort();

export const excluding = (members: Members, less: Member): Members =>
  members.includes(less) ? members.filter((each) => each !== less) : members;
