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
  "./createClosure",
  "@npmcli/arborist",
  "fdir",
  "normalize-package-data",
  "upath",
  // To drive the CLI from a program, and to be a provider.
  "./automation",
  "./provider",
  // To read a package.yaml instead of a package.json.
  "js-yaml",
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
  // Attaches V8's debugger, which hears of every script from then on: to turn functions into source text.
  if (request === "../../runtime/closure/v8Hooks") return { isInitializedAsync: async () => {} };
  if (request === "./debuggable") return withoutTraces(now());
  if (process.env.UNDERSTUDY_SDK_DEBUG) return now();
  if (/^(\.|\.\.|\.\.\/\.\.)\/log$/.test(request)) return withoutDebug(now());
  if (/^\.\.?\/resource$/.test(request)) return withoutPositions(now());
  return now();
}
loader._load = loadLean;

/** @param {() => any} now */
function onceAskedFor(now) {
  /** @type {any} */
  let module;
  const loaded = () => {
    module ??= now();
    return module;
  };
  return new Proxy(
    {},
    {
      get(_target, name) {
        // What a compiled import asks of each module, before anybody has a use for it.
        if (name === "__esModule") return true;
        // A module that is a function is what its import calls the default.
        return name === "default" && !loaded().__esModule ? loaded() : loaded()[name];
      },
      ownKeys: () => Object.keys(loaded()),
      getOwnPropertyDescriptor: (_target, name) => ({ value: loaded()[name], enumerable: true, configurable: true }),
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

/**
 * Where in the source each resource is made, with all that called it: in the state, for nobody who looks here.
 *
 * @param {{ Resource?: { stackTrace: () => unknown[] } }} resource
 */
function withoutPositions(resource) {
  if (resource.Resource) resource.Resource.stackTrace = () => [];
  return resource;
}
