import { local } from "@pulumi/command";

const count = Number(process.env.NOOP_RESOURCES);
for (let index = 0; index < count; index++) new local.Command(`noop-${index}`, {});
