/** Which machine this is: a disk that was copied to another one has a token that is of this one. */
import { hasCode, readSmall } from "./files.ts";

/** systemd's, made at the first boot; the firmware's, which a copied disk does not bring along. */
const files = ["/etc/machine-id", "/sys/class/dmi/id/product_uuid"] as const;

/** Bytes. */
const longest = 200;

const textOf = async (path: string): Promise<string> => {
  try {
    return (await readSmall(path, longest))?.toString("utf8").trim() ?? "";
  } catch (error) {
    // Virtual machines of some kinds have none.
    if (hasCode(error, "EACCES", "EIO", "ENOTDIR")) return "";
    throw error;
  }
};

/** @throws where the machine has no id at all */
export async function machineId(): Promise<string> {
  const ids = (await Promise.all(files.map(textOf))).filter((id) => /^[0-9a-zA-Z-]{8,64}$/.test(id));
  if (ids.length === 0) throw new Error(`this machine has no id: ${files.join(" and ")} say none`);
  return ids.join("/");
}
