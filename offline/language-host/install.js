// @ts-check
/** `pulumi install`: the project's npm packages, with npm's output passed on as it comes. */
import { spawn } from "node:child_process";
import language from "@pulumi/pulumi/proto/language_pb.js";

/** @type {import("@grpc/grpc-js").handleServerStreamingCall<language.InstallDependenciesRequest, language.InstallDependenciesResponse>} */
export function installDependencies(call) {
  const request = call.request;
  const npm = spawn("npm", ["install", "--no-audit", "--no-fund"], {
    cwd: request.getInfo()?.getProgramDirectory() || request.getDirectory(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  npm.stdout.on("data", (chunk) => {
    const response = new language.InstallDependenciesResponse();
    response.setStdout(chunk);
    call.write(response);
  });
  npm.stderr.on("data", (chunk) => {
    const response = new language.InstallDependenciesResponse();
    response.setStderr(chunk);
    call.write(response);
  });
  npm.once("error", (error) => call.destroy(error));
  npm.once("close", (code) =>
    code === 0 ? call.end() : call.destroy(new Error(`npm install failed: exit code ${code}`)),
  );
}
