// @ts-check

/** AWS says no. */
export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {number} [status]
   */
  constructor(code, message, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * Members as XML.
 *
 * @param {unknown} value
 * @param {string} [item] what each of a list is in: EC2's word, or IAM's `member`
 * @returns {string}
 */
export function xml(value, item = "item") {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map((one) => `<${item}>${xml(one, item)}</${item}>`).join("");
  if (typeof value === "object")
    return Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => `<${name}>${xml(member, item)}</${name}>`)
      .join("");
  return String(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
