// @ts-check
/**
 * Loaded before Pulumi's SDK (`nodeargs` in Pulumi.yaml). Two thirds of what the SDK loads and does at a start serves what this program
 * never does (docs/decisions/start-up.md): here it waits until something asks for it.
 */
const Module = require("node:module");

/** By what the SDK's own files call them. */
const late = new Set([
  // To turn functions into source text, for dynamic providers and callbacks of the cloud.
  "../../typescript-shim",
  "@npmcli/arborist",
  // To drive the CLI from a program.
  "./automation",
  // To send traces, with `--tracing` only.
  "@opentelemetry/exporter-zipkin",
  "@opentelemetry/instrumentation",
  "@opentelemetry/instrumentation-grpc",
  "@opentelemetry/resources",
  "@opentelemetry/sdk-trace-base",
  "@opentelemetry/sdk-trace-node",
]);

/** @typedef {(request: string, parent: NodeModule | undefined, isMain: boolean) => any} Load */

const loader = /** @type {{ _load: Load }} */ (/** @type {unknown} */ (Module));
const load = loader._load;

/** @type {Load} */
function loadLean(request, parent, isMain) {
  const now = () => load(request, parent, isMain);
  if (!/[\\/]@pulumi[\\/]pulumi[\\/]/.test(parent?.filename ?? "")) return now();
  if (late.has(request)) return onceAskedFor(now);
  // Looks up the SDK's own source lines for every stack trace. Ours are looked up by Node (load.mjs).
  if (request === "source-map-support/register") return {};
  if (request === "./debuggable") return withoutTraces(now());
  if (/^(\.|\.\.|\.\.\/\.\.)\/log$/.test(request) && !process.env.UNDERSTUDY_SDK_DEBUG) return withoutDebug(now());
  return now();
}
loader._load = loadLean;

/** @param {() => any} now */
function onceAskedFor(now) {
  /** @type {any} */
  let module;
  return new Proxy(
    {},
    {
      get(_target, name) {
        // What a compiled import asks of each module, before anybody has a use for it.
        if (name === "__esModule") return true;
        module ??= now();
        return module[name];
      },
    },
  );
}

/**
 * Every promise of the SDK keeps a stack trace, which is shown with PULUMI_DEBUG_PROMISE_LEAKS only.
 *
 * @param {{ debugPromiseLeaks: boolean, debuggablePromise: (...args: unknown[]) => unknown }} debuggable
 */
function withoutTraces(debuggable) {
  const { debuggablePromise } = debuggable;
  if (debuggable.debugPromiseLeaks || debuggablePromise.name === "traceless") return debuggable;
  debuggable.debuggablePromise = function traceless(...args) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      return debuggablePromise(...args);
    } finally {
      Error.stackTraceLimit = limit;
    }
  };
  return debuggable;
}

/**
 * Several messages a resource, each of them a call of the engine, which shows them with `--debug` only and does not tell us.
 *
 * @param {{ debug: () => Promise<void> }} log
 */
function withoutDebug(log) {
  log.debug = async () => {};
  return log;
}
