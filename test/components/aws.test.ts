import { everything, existing, parseAws, smallest } from "../support/awsConfigs.ts";
import { awsOnly, graphOf, renderGraph } from "../support/awsGraph.ts";
import { assertGolden } from "../support/golden.ts";

describe("the graph of the target aws", function () {
  this.timeout(120_000);

  for (const [name, config] of Object.entries({ smallest, existing, everything })) {
    it(`${name}: every resource with its inputs, dependencies and options`, async () => {
      assertGolden(`aws/${name}.json`, renderGraph(awsOnly(await graphOf(parseAws(config)))));
    });
  }
});
