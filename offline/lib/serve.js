// @ts-check
/**
 * What the language host and the command plugin have in common: a gRPC server on loopback whose port is the first line
 * on stdout, and a life that is tied to the engine's.
 */
import grpc from "@grpc/grpc-js";

/** The engine sends assets and whole states in one message; its own limit is the same. */
const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;

const PARENT_POLL_MS = 250;

export const channelOptions = {
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
};

/**
 * Starts the server and tells the engine its port. The engine's interrupt says that no more calls will come, and it
 * waits for the end of the process; calls that still run are finished first.
 *
 * @param {(server: grpc.Server) => void} addServices
 */
export async function serve(addServices) {
  const server = new grpc.Server(channelOptions);
  addServices(server);
  const port = await new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  process.on("SIGINT", () => server.tryShutdown(() => process.exit(0)));
  process.stdout.write(`${port}\n`);
}

/**
 * Runs `onGone` once when the engine that started this process has ended, however it did: a killed engine leaves its
 * plugins behind, and what they have started goes on.
 *
 * @param {() => void} onGone
 */
export function whenEngineEnds(onGone) {
  const engine = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === engine) return;
    clearInterval(timer);
    onGone();
  }, PARENT_POLL_MS);
  timer.unref();
}

/**
 * A unary handler from an async function: what it throws becomes the status of the call.
 *
 * @template Request, Response
 * @param {(request: Request, call: grpc.ServerUnaryCall<Request, Response>) => Promise<Response> | Response} handle
 * @returns {grpc.handleUnaryCall<Request, Response>}
 */
export function unary(handle) {
  return async (call, callback) => {
    try {
      callback(null, await handle(call.request, call));
    } catch (error) {
      const code = /** @type {{ code?: unknown }} */ (error)?.code;
      callback({
        code: typeof code === "number" ? code : grpc.status.UNKNOWN,
        details: error instanceof Error ? error.message : String(error),
        metadata: /** @type {{ metadata?: grpc.Metadata }} */ (error)?.metadata ?? new grpc.Metadata(),
      });
    }
  };
}
