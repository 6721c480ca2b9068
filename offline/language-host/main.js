// @ts-check
/**
 * A language host for Node programs, for machines that cannot have Pulumi's own. It answers what an update asks of a
 * host; generating code and packages is left to the real one.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import language from "@pulumi/pulumi/proto/language_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { serve, unary, whenEngineEnds } from "../lib/serve.js";
import { installDependencies } from "./install.js";
import { runProgram, stopPrograms } from "./program.js";

const { LanguageRuntimeService } = languageGrpc;

/** The engine's address is the one argument that is no option. */
let engineAddress = process.argv.slice(2).find((argument) => !argument.startsWith("-")) ?? "";

function end() {
  stopPrograms();
  process.exit(0);
}

/** @param {string} directory */
function dependenciesOf(directory) {
  const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).map(([name, version]) => {
    const info = new language.DependencyInfo();
    info.setName(name);
    info.setVersion(String(version));
    return info;
  });
}

const handlers = {
  handshake: unary((/** @type {language.LanguageHandshakeRequest} */ request) => {
    engineAddress = request.getEngineAddress() || engineAddress;
    return new language.LanguageHandshakeResponse();
  }),
  // None are asked for: the engine loads plugins when a resource wants them, and a missing one that no resource wants
  // is not looked for on the network.
  getRequiredPlugins: unary(() => new language.GetRequiredPluginsResponse()),
  getRequiredPackages: unary(() => new language.GetRequiredPackagesResponse()),
  getPluginInfo: unary(() => {
    const info = new plugin.PluginInfo();
    info.setVersion("0.0.0");
    return info;
  }),
  run: unary((/** @type {language.RunRequest} */ request) => runProgram(request, engineAddress)),
  installDependencies,
  runtimeOptionsPrompts: unary(() => new language.RuntimeOptionsResponse()),
  about: unary(() => {
    const response = new language.AboutResponse();
    response.setExecutable(process.execPath);
    response.setVersion(process.version);
    return response;
  }),
  getProgramDependencies: unary((/** @type {language.GetProgramDependenciesRequest} */ request) => {
    const response = new language.GetProgramDependenciesResponse();
    response.setDependenciesList(dependenciesOf(request.getInfo()?.getProgramDirectory() || request.getPwd()));
    return response;
  }),
  cancel: unary(() => {
    stopPrograms();
    return new emptyPb.Empty();
  }),
};

whenEngineEnds(end);
process.on("SIGTERM", end);
await serve((server) => server.addService(/** @type {any} */ (LanguageRuntimeService), handlers));
