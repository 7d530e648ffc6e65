/** hls.js, and what is needed with it alone, as a script of its own: whoever plays by WebRTC alone never fetches it. */
export { default as Hls } from "hls.js";
export { Ahead } from "./ahead.ts";
export { Move } from "./move.ts";
