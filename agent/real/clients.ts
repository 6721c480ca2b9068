/** The moment at which clients of poolers begin to wait, agreed on with the poolers' routers (`scripts/host/pooler-router`). */
import type { Session } from "./session.ts";

/**
 * Advisory locks of this class, in the database postgres. 1: held by each router that attends to this primary, until its clients wait. 2: by the primary
 * that is about to stop. 3: by a router whose clients cannot be held back.
 */
const stopLocks = 1970168947;
/** Milliseconds: longer than open transactions may be waited for (`pooler.pauseTimeout`). */
const deadline = 40_000;

/** @returns whether the clients of all poolers that attend wait. Without one, that is at once. */
export async function holdClients(session: Session): Promise<boolean> {
  await session.query(`select pg_advisory_lock(${stopLocks}, 2)`, deadline);
  await session.query(`select pg_advisory_lock(${stopLocks}, 1)`, deadline);
  const [row] = await session.query(
    `select count(*) = 0 as "isHeld" from pg_locks where locktype = 'advisory' and classid = ${stopLocks} and objid = 3`,
    deadline,
  );
  return row?.isHeld === true;
}
