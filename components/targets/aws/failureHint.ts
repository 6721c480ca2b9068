import { type CustomResourceOptions, ErrorHook, log, type ResourceTransformation } from "@pulumi/pulumi";
import { named } from "../../part.ts";

/**
 * Gives every resource of AWS's below a component a hint for where it fails. The provider keeps what was wanted of a resource that failed half-way for
 * what is (docs/decisions/aws.md): the next update would take it for done. What the steps can see they mend themselves; a refresh sees all.
 */
export function hintOnFailure(opts: CustomResourceOptions): ResourceTransformation {
  let said = false;
  const hook = new ErrorHook(named("aws-failure", opts), async () => {
    if (!said)
      void log.error(`what failed in AWS may be remembered as done
HINT: mend the cause, then run 'pulumi up --refresh', which looks at what AWS really has.`);
    said = true;
    return false;
  });
  return ({ type, props, opts: own }) =>
    type.startsWith("aws:")
      ? { props, opts: { ...own, hooks: { ...own.hooks, onError: [...(own.hooks?.onError ?? []), hook] } } }
      : undefined;
}
