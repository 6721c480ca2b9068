// @ts-check
/** Images: the catalogue that `getAmi` is asked for, and the one Docker image that all of them are here. */
import { inProject, run } from "./docker.js";

/** @typedef {import("./cloud.js").Image} Image */

/** @type {Promise<string> | undefined} */
let made;

/** The Docker image of every instance: Debian 13 as a cloud image has it, with PostgreSQL's packages, so that no test waits for them. */
export function imageTag() {
  made ??= run(inProject("test/standins/aws/image"), []);
  return made;
}

/** What the publishers have, as `model/aws/images.ts` looks for it. @type {readonly Image[]} */
export const published = ["amd64", "arm64"].flatMap((processor) => [
  image("debian-13", processor, "136693071363", `debian-13-${processor}-20260101-1000`),
  image("debian-12", processor, "136693071363", `debian-12-${processor}-20260101-1000`),
  image(
    "ubuntu",
    processor,
    "099720109477",
    `ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${processor}-server-20260101`,
  ),
]);

/**
 * @param {string} series
 * @param {string} processor
 * @param {string} owner
 * @param {string} name
 * @param {number} [publishedAt]
 * @returns {Image}
 */
export function image(series, processor, owner, name, publishedAt = 0) {
  const letters = Buffer.from(`${series}${processor}${publishedAt}`).toString("hex").padEnd(17, "0");
  const architecture = processor === "amd64" ? "x86_64" : "arm64";
  return { id: `ami-${letters.slice(-17)}`, name, architecture, owner, published: publishedAt };
}

/**
 * The image that fits all filters, the newest one of several where that is asked for.
 *
 * @param {readonly Image[]} images
 * @param {{ owners?: string[], mostRecent?: boolean, filters?: { name: string, values: string[] }[] }} query
 * @returns {Image}
 */
export function findImage(images, { owners, mostRecent, filters = [] }) {
  const fitting = images
    .filter(({ owner }) => owners === undefined || owners.includes(owner))
    .filter((candidate) => filters.every(({ name, values }) => values.some((value) => fits(candidate, name, value))))
    .sort((a, b) => b.published - a.published);
  const [newest] = fitting;
  if (newest === undefined)
    throw new Error("Your query returned no results. Please change your search criteria and try again.");
  if (fitting.length > 1 && mostRecent !== true) {
    throw new Error(
      "Your query returned more than one result. Please try a more specific search criteria, or set `most_recent` attribute to true.",
    );
  }
  return newest;
}

/**
 * @param {Image} candidate
 * @param {string} filter
 * @param {string} value
 */
function fits(candidate, filter, value) {
  switch (filter) {
    case "image-id":
      return candidate.id === value;
    case "architecture":
      return candidate.architecture === value;
    case "name":
      return new RegExp(`^${value.replace(/[.+?^$()|[\]\\{}]/g, "\\$&").replaceAll("*", ".*")}$`).test(candidate.name);
    case "root-device-type":
      return value === "ebs";
    case "virtualization-type":
      return value === "hvm";
    default:
      throw new Error(`the stand-in has no filter '${filter}' of getAmi`);
  }
}
