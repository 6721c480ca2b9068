import { execFileSync } from "node:child_process";

export interface Pair {
  readonly certificate: string;
  readonly privateKey: string;
}

const secret = <T>(kind: string, parameters: object): T =>
  JSON.parse(
    execFileSync(process.execPath, ["scripts/make-secret.mjs", kind], {
      input: JSON.stringify(parameters),
      encoding: "utf8",
    }),
  ) as T;

export const newCa = (commonName: string): Pair => secret<Pair>("ca", { commonName, days: 2 });

export const newCertificate = (ca: Pair, commonName: string): Pair =>
  secret<Pair>("certificate", { ca, commonName, dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"], days: 1 });
