/** The reader that the virtual cameras bring for their own clock. */
declare module "*/camsim/clock.mjs" {
  /** Burnt-in time of what a video element shows now, unix ms, or null. */
  export function readVideoClock(video: HTMLVideoElement, canvas: HTMLCanvasElement): number | null;
}
