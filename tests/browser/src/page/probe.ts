import { readVideoClock } from "../../../camsim/clock.mjs";

/** One picture as it came onto the screen. */
export interface Shown {
  /** When it was to be on the screen, unix ms. */
  readonly at: number;
  /** When the page was told of it, unix ms. */
  readonly toldAt: number;
  /** Burnt-in time, unix ms. */
  readonly clock: number;
}

/** One picture that a camera's element showed, however it looked. */
export interface Frame {
  /** When it was given to the screen, ms by the page's clock. */
  readonly at: number;
  /** How many there were up to it: a busy page is not told of each. */
  readonly count: number;
  /** Burnt-in time, unix ms; null where there is none to be read. */
  readonly clock: number | null;
  /** Pixels. */
  readonly width: number;
}

/** What was seen of a camera's element without a break. */
export interface Watched {
  readonly frames: readonly Frame[];
  /** How often the element was looked at, and how often it was black or empty. */
  readonly looks: number;
  readonly black: number;
}

/** What tests ask a page about its videos. */
export interface Probe {
  /** The burnt-in time on the screen now, by camera. */
  clocks(): Record<string, number | undefined>;
  /** Records every picture of a camera's tile from now on. */
  record(cameraId: string): void;
  /** The loudest sample of what a camera's element plays within `ms`, 0 to 1; 0 too where it plays no sound at all. */
  peak(cameraId: string, ms: number): Promise<number>;
  /** When the beeps that a camera's element plays within `ms` begin, unix ms. */
  beeps(cameraId: string, ms: number): Promise<readonly number[]>;
  /** What was recorded so far. */
  shown(cameraId: string): readonly Shown[];
  /** Looks at a camera's tile with every picture and every drawing of the page from now on. */
  watch(cameraId: string): void;
  /** What was seen of it so far. */
  watched(cameraId: string): Watched;
}

declare global {
  interface Window {
    probe: Probe;
    /** Where a test changed the page's clock: how to get the true time. */
    trueTimeOrigin?: number;
  }
}

const canvas = document.createElement("canvas");
const recorded = new Map<string, Shown[]>();
const watching = new Map<string, { frames: Frame[]; looks: number; black: number }>();
/** A mean brightness below this, of 255, is no picture of a camera here. */
const BLACK = 12;

function video(cameraId: string): HTMLVideoElement | null {
  return document.querySelector(`[data-camera="${cameraId}"] video`);
}

function clockOf(element: HTMLVideoElement): number | undefined {
  return readVideoClock(element, canvas) ?? undefined;
}

/** Whether an element shows nothing, as somebody in front of the screen would see it. */
function isBlack(element: HTMLVideoElement): boolean {
  const small = Object.assign(document.createElement("canvas"), { width: 16, height: 9 });
  const context = small.getContext("2d", { willReadFrequently: true });
  if (context === null || element.videoWidth === 0) return true;
  context.drawImage(element, 0, 0, 16, 9);
  const { data } = context.getImageData(0, 0, 16, 9);
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) sum += ((data[at] ?? 0) + (data[at + 1] ?? 0) + (data[at + 2] ?? 0)) / 3;
  return sum / (data.length / 4) < BLACK;
}

/** A sample this loud is of a beep. */
const LOUD = 0.1;
/** A beep begins after as much silence, ms; they last 100 ms and come once a second. */
const PAUSE_MS = 300;

/** The newest samples of what an element plays, and when the last of them is heard, ms by the page's clock. */
interface Heard {
  readonly samples: Float32Array;
  readonly endsAt: number;
  readonly rate: number;
}

/** Hands over what a camera's element plays, until `ms` are over; nothing where it is muted or has no sound. */
async function listen(cameraId: string, ms: number, take: (heard: Heard) => void): Promise<void> {
  const element = video(cameraId);
  if (element === null || element.muted || element.volume === 0) return;
  const stream = (element as HTMLVideoElement & { captureStream(): MediaStream }).captureStream();
  if (stream.getAudioTracks().length === 0) return;
  const context = new AudioContext();
  try {
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    for (const until = performance.now() + ms; performance.now() < until;) {
      analyser.getFloatTimeDomainData(samples);
      const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
      const endsAt = performanceTime > 0 ? performanceTime + (context.currentTime - contextTime) * 1_000 : performance.now();
      take({ samples, endsAt, rate: context.sampleRate });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    await context.close();
  }
}

window.probe = {
  clocks() {
    const tiles = [...document.querySelectorAll<HTMLElement>(".tile[data-camera]")];
    return Object.fromEntries(tiles.map((tile) => {
      const element = tile.querySelector("video");
      return [tile.dataset.camera ?? "", element === null ? undefined : clockOf(element)];
    }));
  },
  record(cameraId) {
    const list: Shown[] = [];
    recorded.set(cameraId, list);
    let element: HTMLVideoElement | null = null;
    const next = (): void => {
      element?.requestVideoFrameCallback((_now, metadata) => {
        // Somebody records anew: reading pixels twice would only cost.
        if (recorded.get(cameraId) !== list) return;
        const toldAt = performance.now();
        const clock = element === null ? undefined : clockOf(element);
        const origin = window.trueTimeOrigin ?? performance.timeOrigin;
        if (clock !== undefined) list.push({ at: origin + metadata.expectedDisplayTime, toldAt: origin + toldAt, clock });
        next();
      });
    };
    element = video(cameraId);
    next();
  },
  async peak(cameraId, ms) {
    let peak = 0;
    await listen(cameraId, ms, ({ samples }) => { peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), peak); });
    return peak;
  },
  async beeps(cameraId, ms) {
    const begins: number[] = [];
    let loudUntil = -Infinity;
    await listen(cameraId, ms, ({ samples, endsAt, rate }) => {
      samples.forEach((sample, at) => {
        if (Math.abs(sample) < LOUD) return;
        const heardAt = endsAt - ((samples.length - at) * 1_000) / rate;
        if (heardAt > loudUntil + PAUSE_MS) begins.push((window.trueTimeOrigin ?? performance.timeOrigin) + heardAt);
        loudUntil = Math.max(loudUntil, heardAt);
      });
    });
    return begins;
  },
  shown(cameraId) {
    return recorded.get(cameraId) ?? [];
  },
  watch(cameraId) {
    const seen = { frames: [] as Frame[], looks: 0, black: 0 };
    watching.set(cameraId, seen);
    let heard: HTMLVideoElement | null = null;
    const listen = (element: HTMLVideoElement): void => {
      heard = element;
      element.requestVideoFrameCallback((_now, { presentationTime, presentedFrames, width }) => {
        if (watching.get(cameraId) !== seen || heard !== element) return;
        seen.frames.push({ at: presentationTime, count: presentedFrames, clock: clockOf(element) ?? null, width });
        listen(element);
      });
    };
    const look = (): void => {
      if (watching.get(cameraId) !== seen) return;
      // The tile may have put another element into the place of the first.
      const element = video(cameraId);
      if (element !== null && element !== heard) listen(element);
      seen.looks += 1;
      if (element === null || isBlack(element)) seen.black += 1;
      requestAnimationFrame(look);
    };
    look();
  },
  watched(cameraId) {
    return watching.get(cameraId) ?? { frames: [], looks: 0, black: 0 };
  },
};
