import { createHash, X509Certificate } from "node:crypto";
import { type Member, member } from "./leadership/index.ts";

/** SHA-256 of the public key (SubjectPublicKeyInfo, DER), by which a member is known. */
export const fingerprintOf = (certificate: X509Certificate): string =>
  createHash("sha256")
    .update(certificate.publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");

/** The node under the key of this certificate (PEM). */
export const memberOf = (name: string, certificate: string): Member =>
  member(name, fingerprintOf(new X509Certificate(certificate)));
