// Makes one secret and prints it as a line of JSON. It runs once for each secret of a stack; the stack's state keeps what it
// printed. Plain JavaScript that loads only what it needs: a fresh stack runs it a dozen times.
//
//   node scripts/make-secret.mjs password|ssh-key|ca|certificate <PARAMETERS      (one JSON object; secrets in it stay off the command line)
import { generateKeyPairSync, randomBytes, randomInt, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const minute = 60_000;
const day = 24 * 60 * minute;

/** Letters and digits only: they mean the same in URIs, configuration files, shells and SQL. */
function password({ length = 32 }) {
  return { password: Array.from({ length }, () => letters[randomInt(letters.length)]).join("") };
}

/** An Ed25519 key pair as OpenSSH writes it (PROTOCOL.key). */
function sshKey({ comment = "understudy" }) {
  const text = (/** @type {string | Buffer} */ value) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const { privateKey } = generateKeyPairSync("ed25519");
  const { d: seed = "", x: point = "" } = privateKey.export({ format: "jwk" });
  const publicBytes = Buffer.from(point, "base64url");
  const publicBlob = Buffer.concat([text("ssh-ed25519"), text(publicBytes)]);
  const check = randomBytes(4);
  const secretPart = Buffer.concat([
    check,
    check,
    text("ssh-ed25519"),
    text(publicBytes),
    text(Buffer.concat([Buffer.from(seed, "base64url"), publicBytes])),
    text(comment),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (secretPart.length % 8)) % 8 }, (_, index) => index + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const whole = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    text("none"),
    text("none"),
    text(""),
    one,
    text(publicBlob),
    text(Buffer.concat([secretPart, padding])),
  ]);
  const body = whole.toString("base64").replace(/.{1,70}/g, "$&\n");
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `ssh-ed25519 ${publicBlob.toString("base64")}`,
  };
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function loadX509() {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(/** @type {any} */ (webcrypto));
  return x509;
}

async function newKeys() {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  return {
    keys: /** @type {import("node:crypto").webcrypto.CryptoKeyPair} */ (keys),
    privateKey: pem("PRIVATE KEY", der),
  };
}

/** @param {string} label @param {Buffer} der */
function pem(label, der) {
  return `-----BEGIN ${label}-----\n${der.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
}

/** An hour ago, for hosts whose clock is behind. */
const validFrom = () => new Date(Date.now() - 60 * minute);
const serial = () => `01${randomBytes(15).toString("hex")}`;

/** @param {{ commonName: string, days: number }} parameters */
async function certificateAuthority({ commonName, days }) {
  const x509 = await loadX509();
  const { keys, privateKey } = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    serialNumber: serial(),
    notBefore: validFrom(),
    notAfter: new Date(Date.now() + days * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, privateKey };
}

/** @param {{ ca: { certificate: string, privateKey: string }, commonName: string, dnsNames: string[], ipAddresses: string[], days: number }} parameters */
async function certificate({ ca, commonName, dnsNames, ipAddresses, days }) {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(ca.certificate);
  const der = Buffer.from(ca.privateKey.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  const { keys, privateKey } = await newKeys();
  const made = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [commonName] }],
    issuer: issuer.subjectName,
    serialNumber: serial(),
    notBefore: validFrom(),
    notAfter: new Date(Math.min(Date.now() + days * day, issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...dnsNames.map((value) => ({ type: /** @type {const} */ ("dns"), value })),
        ...ipAddresses.map((value) => ({ type: /** @type {const} */ ("ip"), value })),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificate: `${made.toString("pem")}\n`, privateKey };
}

/** @type {Record<string, (parameters: any) => unknown>} */
const kinds = { password, "ssh-key": sshKey, ca: certificateAuthority, certificate };

const make = kinds[process.argv[2] ?? ""];
if (!make) {
  console.error(`usage: make-secret.mjs ${Object.keys(kinds).join("|")} <PARAMETERS`);
  process.exit(2);
}
const given = readFileSync(0, "utf8").trim();
process.stdout.write(`${JSON.stringify(await make(given === "" ? {} : JSON.parse(given)))}\n`);
