/** hls.js as a script of its own: whoever plays by WebRTC alone never fetches it. */
export { default as Hls } from "hls.js";
export { Move } from "./move.ts";
