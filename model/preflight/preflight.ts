/** Whether the declared world may be made of the real one: see `preflight/judge.ts`. */
export { formatRefusal, judge, type Verdict } from "./judge.ts";
export { underWay } from "./leadership.ts";
export type { AtRisk, Declared, DeclaredNode, Finding, Kind, NodeFacts, Outcome, Reason } from "./scene.ts";
