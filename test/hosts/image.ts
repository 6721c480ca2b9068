import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Majors that a host image exists of. */
export const imageMajors = [13, 15, 17, 18] as const;

/** What a title ends with: CI takes the oldest of them and the default. */
export const markOfImage = (major: (typeof imageMajors)[number]): string =>
  major === 13 || major === 17 ? "" : " [full]";

/** Tag of the host image of a major; builds it where it is not there. */
export function hostImage(major: number): string {
  const script = fileURLToPath(new URL("../../scripts/docker/image", import.meta.url));
  return execFileSync(script, [String(major)], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
}

/** Runs a bash script as root in a fresh container and gives back its standard output. */
export function inContainer(image: string, script: string, options: readonly string[] = []): Promise<string> {
  const command = ["run", "--rm", "-i", "--entrypoint", "bash", ...options, image, "-seuo", "pipefail"];
  return new Promise((resolve, reject) => {
    const child = execFile("docker", command, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stderr}`));
      else resolve(stdout);
    });
    child.stdin?.end(script);
  });
}

/** A bash word that stands for `text`. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
