import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi";

/**
 * A component that belongs to a cluster. Its name, and those of its children, begin with the cluster's prefix, so that a stack can have
 * several clusters (docs/decisions/names.md).
 */
export abstract class ClusterPart extends ComponentResource {
  readonly resourcePrefix: string;

  constructor(type: string, name: string, opts: ComponentResourceOptions | undefined, resourcePrefix = prefixOf(opts)) {
    super(type, named(name, opts), {}, opts);
    this.resourcePrefix = resourcePrefix;
  }

  /** Name of a child that is not a part of ours. */
  protected named(name: string): string {
    return this.resourcePrefix + name;
  }
}

/** The name of a resource whose parent is a part of a cluster. */
export function named(name: string, opts: Pick<ComponentResourceOptions, "parent"> | undefined): string {
  return prefixOf(opts) + name;
}

/** The prefix of the cluster that a resource belongs to. "": the one cluster of its stack, whose names are plain. */
export function prefixOf(opts: Pick<ComponentResourceOptions, "parent"> | undefined): string {
  return opts?.parent instanceof ClusterPart ? opts.parent.resourcePrefix : "";
}

/** What sets the files and hosts of a cluster apart from those of others in its stack. "": there are no others. */
export function clusterScope(opts: Pick<ComponentResourceOptions, "parent">): string {
  return prefixOf(opts).replace(/-$/, "");
}
