/** Why a command has no result. `refused-key` is any refused login. */
export type FailureReason = "unreachable" | "refused-key" | "host-key-changed" | "timeout" | "failed";

export interface RunSuccess {
  readonly ok: true;
  readonly stdout: string;
}

export interface RunFailure {
  readonly ok: false;
  readonly reason: FailureReason;
  /** What is wrong and where, then `\nHINT: ` and what to do. Holds no secret. */
  readonly message: string;
  /** Only with reason `failed`, where the command ended by itself. */
  readonly exitCode?: number;
  /** What the command said on standard error, without values of stdin. */
  readonly stderr?: string;
}

export type RunResult = RunSuccess | RunFailure;
