/** Hosts and agents: power, crashes, restarts. systemd starts an agent again that has ended. */
import type { startAgent } from "../../agent/main.ts";
import { crashes } from "./postgres.ts";
import { surroundingsOf } from "./surroundings.ts";
import { type Host, noServer, trace, type World } from "./world.ts";

export const ledgerKey = new Uint8Array(32).fill(7);

export type StartAgent = typeof startAgent;

export interface Hosts {
  readonly startsAgent: (host: Host) => void;
  readonly killsAgent: (host: Host) => void;
  readonly powerOn: (host: Host) => void;
  readonly powerOff: (host: Host) => void;
}

export function hostsOf(world: World, start: StartAgent): Hosts {
  const { loop, random } = world;

  function startsAgent(host: Host): void {
    if (!host.power.isAlive || host.agentLife.isAlive) return;
    const life = { isAlive: true };
    host.agentLife = life;
    host.agent = null;
    host.handler = null;
    const ends = (error: Error): void => {
      if (!life.isAlive) return;
      trace(world, host.name, "agent ends:", error.message);
      killsAgent(host);
      loop.after(random.between(100, 3000), () => startsAgent(host));
    };
    const log = (event: string, facts?: object): void => {
      host.events++;
      trace(world, host.name, event, facts ?? "");
    };
    const identity = { me: host.member, machine: host.machine, ledgerKey };
    start(identity, surroundingsOf(world, host, life), log).then((agent) => {
      agent.ended.catch(ends);
      if (life.isAlive) host.agent = agent;
    }, ends);
    trace(world, host.name, "agent starts");
  }

  function killsAgent(host: Host): void {
    host.agentLife.isAlive = false;
    host.agent = null;
    host.handler = null;
  }

  function powerOff(host: Host): void {
    if (!host.power.isAlive) return;
    trace(world, host.name, "power off");
    host.power.isAlive = false;
    killsAgent(host);
    crashes(host, false);
    const { data } = host.disk;
    if (data) data.log.length = Math.max(1, data.synced);
    host.pg = { ...noServer(), isHidden: host.pg.isHidden, upstream: host.pg.upstream };
  }

  function powerOn(host: Host): void {
    if (host.power.isAlive) return;
    trace(world, host.name, "power on");
    host.power = { isAlive: true };
    // At boot the signal is back before anybody can log in, and a directory that was out of the way is found again, as nobody's data.
    if (host.disk.data) host.disk.data.signal = true;
    host.pg.isHidden = false;
    loop.after(random.between(100, 5000), () => startsAgent(host));
  }

  return { startsAgent, killsAgent, powerOn, powerOff };
}
