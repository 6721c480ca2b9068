/**
 * How long a connection may say nothing. A load balancer forgets one that has been silent for too long, and tells neither end; so PgBouncer probes
 * its connections well before that, to clients and to PostgreSQL. `test/unit/model/keepalive.test.ts` compares the numbers.
 */

/** Seconds after which the load balancer of the target aws forgets a connection: what AWS starts out with. */
export const balancerIdleSeconds = 350;

/** Seconds of silence before PgBouncer's first probe, seconds between probes, and how many may stay without an answer. */
export const poolerKeepalive = { idle: 60, interval: 10, count: 5 } as const;
