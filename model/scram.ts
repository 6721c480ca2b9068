import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/**
 * The verifier that PostgreSQL stores for `password`, so that the password itself never travels to a host.
 *
 * A server tells the salt of a role to everybody who asks, before authentication. So nothing of the password can be learnt from it: it is
 * random to whoever does not hold `saltKey`. With the same key, a second run writes the same verifier.
 *
 * @param password printable ASCII (config sees to that), for which SASLprep changes nothing
 * @param saltKey secret of the stack, made at random
 */
export function scramVerifier(role: string, password: string, saltKey: string, iterations = 4096): string {
  const salt = createHmac("sha256", saltKey).update(`${role}\0${password}`).digest().subarray(0, 16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const key = (label: string) => createHmac("sha256", salted).update(label).digest();
  const storedKey = createHash("sha256").update(key("Client Key")).digest("base64");
  const serverKey = key("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
