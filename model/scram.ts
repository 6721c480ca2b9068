import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/**
 * The verifier that PostgreSQL stores for `password`, so that the password itself never travels to a host.
 *
 * The salt follows from role and password, so that a second run writes the same verifier. It costs as many iterations to
 * derive as the verifier itself: a cheaper salt would let someone who holds it try passwords at a fraction of the price.
 *
 * `password` is printable ASCII (config sees to that), for which SASLprep changes nothing.
 */
export function scramVerifier(role: string, password: string, iterations = 4096): string {
  const salt = pbkdf2Sync(password, `understudy scram salt:${role}`, iterations, 16, "sha256");
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const key = (label: string) => createHmac("sha256", salted).update(label).digest();
  const storedKey = createHash("sha256").update(key("Client Key")).digest("base64");
  const serverKey = key("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
