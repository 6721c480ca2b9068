// @ts-check
/** How a resource type of @pulumi/aws is written down: what goes in, what comes out, and what a change of it means. */

/**
 * One input. What is not said is: optional, updated in place, names nothing.
 *
 * @typedef {object} Field
 * @property {boolean} [required]
 * @property {boolean} [replaces] a change of it makes another resource
 * @property {string} [names] it is the id of something of that type, which has to be there; or a list of such ids
 * @property {boolean} [holds] what it names can't be deleted meanwhile
 */

/**
 * @typedef {object} ResourceType
 * @property {string} prefix of its ids, as AWS has them; "": the id is the field `id` says
 * @property {string} [id] the input that is its id
 * @property {readonly string[]} [unique] inputs in which no two of them may be the same
 * @property {readonly (readonly [string, string])[]} [conflicts] inputs of which only one may be given: `ConflictsWith` and `ExactlyOneOf` of the provider
 * @property {Readonly<Record<string, Field>>} fields
 * @property {readonly string[]} computed outputs beside the inputs
 */

/** @type {Field} */
export const optional = {};
/** @type {Field} */
export const required = { required: true };
/** @type {Field} */
export const fixed = { replaces: true };
/** @type {Field} */
export const requiredFixed = { required: true, replaces: true };

/**
 * The field is the id of something that has to be there.
 *
 * @param {Field} field
 * @param {string} names
 * @returns {Field}
 */
export const of = (field, names) => ({ ...field, names });

/**
 * As `of`, and that stays for as long as this does.
 *
 * @param {Field} field
 * @param {string} names
 * @returns {Field}
 */
export const within = (field, names) => ({ ...field, names, holds: true });
