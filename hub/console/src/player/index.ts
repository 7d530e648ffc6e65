/** The player of Sluice: framework-free, one class, one video element. */
export { Player, type PlayerOptions, type PlayerStats } from "./player.ts";
export { HubSessions, type HubOptions, type Wish } from "./hub_sessions.ts";
export { keepClock, ServerClock } from "./clock.ts";
export { Signal, type Readable } from "./signal.ts";
export type { Freshness } from "./freshness.ts";
export type { PlayerState, PlaySession, Reason } from "./machine.ts";
export type { Grant, Measure, PlaySource } from "./source.ts";
