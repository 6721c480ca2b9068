import { load } from "../../scripts/start/load.mjs";

await load("offline/command-plugin/main.js");
