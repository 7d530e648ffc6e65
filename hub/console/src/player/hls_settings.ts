import type { HlsConfig } from "hls.js";

/** A request whose answer does not begin within this is tried again, ms. The front holds back what does not exist yet. */
const FIRST_BYTE_MS = 10_000;
const WHOLE_MS = 20_000;

/** Tries again so often and then gives up: what comes next is the player's decision. In ms. */
function policy(tries: number, waitMs: number): HlsConfig["fragLoadPolicy"] {
  return {
    default: {
      maxTimeToFirstByteMs: FIRST_BYTE_MS,
      maxLoadTimeMs: WHOLE_MS,
      timeoutRetry: { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: { maxNumRetry: tries, retryDelayMs: waitMs, maxRetryDelayMs: 4 * waitMs, backoff: "exponential" },
    },
  };
}

/** How hls.js is to play a live camera. `lowLatency` is LL-HLS, otherwise HLS some segments behind. */
export function hlsSettings(lowLatency: boolean): Partial<HlsConfig> {
  return {
    lowLatencyMode: lowLatency,
    // The element may not be ready when the playlist is, and hls.js looks again after 100 ms only.
    startFragPrefetch: true,
    // fMP4 is handed on as it is, and the console's content policy allows no scripts made on the fly.
    enableWorker: false,
    // How far behind the live edge to play is the playlist's word (PART-HOLD-BACK); `Pace` brings the player there.
    maxLiveSyncPlaybackRate: 1,
    // One stall must not cost a whole second for ever.
    liveSyncOnStallIncrease: 0.2,
    liveDurationInfinity: true,
    maxBufferLength: lowLatency ? 12 : 30,
    maxMaxBufferLength: lowLatency ? 12 : 60,
    maxBufferSize: 24 * 1024 * 1024,
    backBufferLength: 4,
    testBandwidth: false,
    startLevel: 0,
    useMediaCapabilities: false,
    enableInterstitialPlayback: false,
    enableDateRangeMetadataCues: false,
    enableEmsgMetadataCues: false,
    enableID3MetadataCues: false,
    enableWebVTT: false,
    enableIMSC1: false,
    enableCEA708Captions: false,
    manifestLoadPolicy: policy(2, 500),
    // Held requests come back empty-handed every nine seconds while a camera is silent; the player sees to the rest.
    playlistLoadPolicy: policy(6, 300),
    fragLoadPolicy: policy(3, 300),
  };
}
