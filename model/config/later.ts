/**
 * A value that another resource has to tell first. It is what an Output of Pulumi's looks like from here: `model/` knows no Pulumi, and hands such a value
 * on with its rule, which then checks it.
 */
export interface Later<T> {
  apply<U>(then: (known: T) => U): Later<U>;
}

/** A value of the config that may be known later. */
export type Given<T> = T | Later<T>;

/** `T` once all of it is known. */
export type Known<T> =
  T extends Later<infer Value> ? Value : T extends object ? { readonly [Key in keyof T]: Known<T[Key]> } : T;

export function isLater(value: unknown): value is Later<unknown> {
  return typeof value === "object" && value !== null && "apply" in value && typeof value.apply === "function";
}

/** What `then` makes of the value: now where it is known, else later. */
export function whenKnown<T, U>(given: Given<T>, then: (known: T) => U): Given<U> {
  return isLater(given) ? (given as Later<T>).apply(then) : then(given as T);
}
