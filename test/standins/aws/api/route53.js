// @ts-check
import { ApiError, xml } from "./xml.js";

const RECORD = "aws:route53/record:Record";

/**
 * UPSERT of one A record, which is all that the program asks for.
 *
 * @param {import("../cloud/cloud.js").Cloud} cloud
 * @param {string} zone
 * @param {string} body
 */
export function changeRecord(cloud, zone, body) {
  const member = (/** @type {string} */ name) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? "";
  if (cloud.find("aws:route53/zone:Zone", zone) === undefined)
    throw new ApiError("NoSuchHostedZone", `No hosted zone found with ID: ${zone}`, 404);
  if (member("Action") !== "UPSERT" || member("Type") !== "A")
    throw new ApiError("InvalidChangeBatch", "the stand-in knows UPSERT of A records only");
  const found = cloud
    .all(RECORD)
    .find(({ properties }) => properties.zoneId === zone && properties.name === member("Name"));
  if (found === undefined) throw new ApiError("InvalidChangeBatch", `the stand-in has no record ${member("Name")}`);
  cloud.put({ ...found, properties: { ...found.properties, records: [member("Value")], ttl: Number(member("TTL")) } });
  cloud.record("lead", found, { to: member("Value") });
  const info = { ChangeInfo: { Id: "/change/C1", Status: "PENDING", SubmittedAt: new Date().toISOString() } };
  return `<ChangeResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">${xml(info)}</ChangeResourceRecordSetsResponse>`;
}
