/** The player of Sluice: framework-free, one class, one video element. */
export { Player } from "./player.ts";
export type { PlayerOptions } from "./player_options.ts";
export type { PlayerStats } from "./gauge.ts";
export { HubSessions, type HubOptions, type Wish } from "./hub_sessions.ts";
export { keepClock, ServerClock } from "./clock.ts";
export { NetworkMemory } from "./network.ts";
export { audible, browserCodecs } from "./codecs.ts";
export { Signal, type Readable } from "./signal.ts";
export type { Freshness } from "./freshness.ts";
export type { PlayerState } from "./machine.ts";
export type { PlaySession, Reason, Way } from "./session.ts";
export type { Showing } from "./showing.ts";
export type { Grant, Measure, Need, PlaySource, ProtocolWish } from "./source.ts";
