// @ts-check
/** Loaded by mocha before the tests: an older Node would only say that it knows no file of this kind. */
if (!process.features.typescript) {
  console.error(`error: the tests are TypeScript, which Node ${process.versions.node} does not run
HINT: run ./scripts/test or npm run test:unit, which bring the right Node along, or install Node 22.18 or newer.`);
  process.exit(1);
}
