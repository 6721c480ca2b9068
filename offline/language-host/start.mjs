import { load } from "../../scripts/start/load.mjs";

await load("offline/language-host/main.js");
