/** Where agents listen, on every node. */
export const defaultAgentPort = 5480;
