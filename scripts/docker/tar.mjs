// Turns files, one a line (PATH MODE CONTENT-IN-BASE64, on stdin), into a tar archive on stdout, so that keys get on a host without being
// written to a file on the way. All of them belong to root.
import { readFileSync } from "node:fs";

const block = 512;

/** @param {string} path @param {string} mode @param {number} size */
function header(path, mode, size) {
  const bytes = Buffer.alloc(block);
  const octal = (/** @type {number} */ value, /** @type {number} */ length) => value.toString(8).padStart(length, "0");
  if (Buffer.byteLength(path) > 100) throw new Error(`path is too long: ${path}`);
  bytes.write(path, 0);
  bytes.write(`${octal(Number.parseInt(mode, 8), 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100);
  bytes.write(`${octal(size, 11)}\0${octal(Math.floor(Date.now() / 1000), 11)}\0${" ".repeat(8)}0`, 124);
  bytes.write("ustar\x0000", 257);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 6)}\0 `, 148);
  return bytes;
}

const lines = readFileSync(0, "utf8").split("\n");
const parts = lines.filter(Boolean).flatMap((line) => {
  const [path = "", mode = "", content = ""] = line.split(" ");
  const data = Buffer.from(content, "base64");
  return [
    header(path.replace(/^\//, ""), mode, data.length),
    data,
    Buffer.alloc((block - (data.length % block)) % block),
  ];
});
process.stdout.write(Buffer.concat([...parts, Buffer.alloc(2 * block)]));
