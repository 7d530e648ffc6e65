// Made from docs/reference/openapi.json by test/schema.test.ts; SLUICE_UPDATE=1 npm test makes it anew.

/** A camera to be added. */
export type AddCamera = {
  /** Whether it is pulled and may be played; `true` if absent. */
  readonly enabled?: boolean | null;
  /** How long a feed outlives its last viewer; 15 if absent. */
  readonly linger_s?: number | null;
  readonly name: string;
  readonly pins?: PinsNow;
  readonly site_id: string;
  readonly source: Source;
  /** The device that pulls it; `node` for a camera beside the hub, which its media node pulls itself. */
  readonly via: string;
  /** Which tiers are pulled while nobody watches: `all`, `sub` (the default), `main` or `none`. */
  readonly warm?: string | null;
};

/** What a player measured. */
export type Beacon = {
  /** Age of the picture. */
  readonly latency_ms?: number | null;
  readonly rebuffer_count?: number | null;
  readonly rebuffer_ms?: number | null;
  /** From the click to the first picture. */
  readonly startup_time_ms?: number | null;
};

/** One reason of a decision; the codes are a closed list. */
export type Because = {
  readonly code: string;
  readonly text: string;
};

/** A camera and how it stands. */
export type CameraNow = {
  /** Milliseconds since 1970. */
  readonly created_at: number;
  /** Whether it is pulled and may be played. */
  readonly enabled: boolean;
  readonly id: string;
  /** How long a feed outlives its last viewer. */
  readonly linger_s: number;
  readonly name: string;
  readonly pins: PinsNow;
  readonly site_id: string;
  readonly source?: SourceNow | null;
  readonly state: StateNow;
  readonly tiers: readonly TierNow[];
  readonly updated_at: number;
  /** The device that pulls it, or `node`. */
  readonly via: string;
  /** Which tiers are pulled while nobody watches: `all`, `sub`, `main` or `none`. */
  readonly warm: string;
};

/** An edge appliance and how it stands. Appliances are made by `sluice-hub admin issue`. */
export type DeviceNow = {
  readonly created_at: number;
  /** The generation of what it should do. */
  readonly desired_generation: number;
  /** What is not as it should be with the device itself. */
  readonly health: readonly HealthNow[];
  readonly id: string;
  readonly name: string;
  /** Whether its control link is up. */
  readonly online: boolean;
  /** The generation it acts on; 0 if it has not said. */
  readonly reported_generation: number;
  /** Whether it was shut out. */
  readonly revoked: boolean;
  /** Since when it is or is not, milliseconds since 1970; `null` if it never was. */
  readonly since?: number | null;
  readonly site_id: string;
  /** Of its software, as last told. */
  readonly version?: string | null;
};

/** Another way to the same picture, of the same session, with a token of its own. */
export type Fallback = {
  /** `webrtc`, `ll-hls` or `hls`. */
  readonly protocol: string;
  readonly token: string;
  /** As the `url` beside it. */
  readonly url: string;
};

/** One field of a request that cannot be taken. */
export type FieldFault = {
  /** A stable code. */
  readonly code: string;
  /** Its path in the body, such as `source.tiers[0].url`. */
  readonly field: string;
  /** What is wrong with it. */
  readonly text: string;
};

/** How a camera is played, and what opens it. */
export type Granted = {
  /** Milliseconds since 1970: from then on the token opens nothing. A running session goes on. */
  readonly expires_at: number;
  /** Other ways into the same session, in the order to try; only what would play. Empty where the request or the camera's configuration names the protocol. After `expires_at`, `POST /sessions/renew` gives them anew. */
  readonly fallbacks: readonly Fallback[];
  readonly ice_servers: readonly IceServer[];
  /** The media node. */
  readonly node: string;
  /** `wan`, `lan` or `relay`. */
  readonly path: string;
  readonly picture: PictureNow;
  readonly poster_url?: string | null;
  /** `webrtc`, `ll-hls` or `hls`. */
  readonly protocol: string;
  readonly session_id: string;
  readonly tier: string;
  readonly token: string;
  /** For WHEP, the offer is POSTed here with the token as Bearer. For HLS this is the multivariant playlist, fetched as it is: the token is part of it. */
  readonly url: string;
  readonly why: readonly Because[];
};

/** Something about a device that is not as it should be. */
export type HealthNow = {
  readonly code: string;
  readonly severity: string;
  readonly text: string;
};

/** One thing that would help. */
export type HelpTold = {
  /** Which tier or protocol, for the codes that name one. */
  readonly about?: string;
  /** `ask-other-tier`, `ask-other-protocol`, `b-frames-off`, `set-h264` or `other-program`. */
  readonly code: string;
  /** In words. */
  readonly text: string;
};

/** A STUN or TURN server. */
export type IceServer = {
  readonly credential?: string | null;
  readonly urls: readonly string[];
  readonly username?: string | null;
};

/** Who logs in. */
export type Login = {
  readonly password: string;
  /** The login name. */
  readonly user: string;
};

/** Who is logged in. */
export type Me = {
  /** To be sent in the header `x-sluice-csrf` with every change. */
  readonly csrf: string;
  readonly user: Person;
};

/** A grant or a problem. */
export type Outcome = Granted | {
  readonly problem: Problem;
};

/** A person. */
export type Person = {
  readonly id: string;
  readonly name: string;
  /** `viewer`, `operator`, `admin` or `auditor`. */
  readonly role: string;
};

/** What there is to see at this moment. */
export type PictureNow = {
  /** Milliseconds since 1970 at which the newest known picture was taken. */
  readonly captured_at?: number | null;
  readonly reason?: Told | null;
  /** `live`, `ready`, `opening` or `resting`. */
  readonly state: string;
};

/** What is laid down for playing a camera; `null` is left to the decision. */
export type PinsNow = {
  readonly protocol?: string | null;
  readonly tier?: string | null;
};

/** What is to be played. */
export type Play = {
  /** 1 to 100 cameras. */
  readonly cameras: readonly PlayCamera[];
  /** An opaque id of the operator, for the audit. */
  readonly on_behalf_of?: string | null;
  /** The origin of the page that will play; binds the viewer token to it. */
  readonly origin?: string | null;
  readonly viewer?: PlayViewer;
  /** The wall they are shown on, for policies. */
  readonly wall?: string | null;
};

/** What came of a play request. */
export type PlayAnswer = {
  readonly correlation_id: string;
  /** One for each camera, in the request's order. */
  readonly items: readonly PlayItem[];
  /** Opens these sessions' events, renewal, changes and beacons, nothing else. Absent if nothing is played. */
  readonly viewer_token?: string | null;
};

/** One camera and how it is wanted. */
export type PlayCamera = {
  readonly id: string;
  /** `interactive` (the default), `near_live` or `broadcast`. */
  readonly latency_class?: string | null;
  /** `auto` (the default), `webrtc`, `ll-hls` or `hls`. */
  readonly protocol?: string | null;
  /** `auto` (the default), `main`, `sub` or `third`. */
  readonly tier?: string | null;
  readonly tile?: TileSize | null;
};

/** What came of one camera: `problem`, or everything else. */
export type PlayItem = (Outcome) & ({
  readonly camera_id: string;
});

/** What a viewer's program knows of its network. */
export type PlayNetwork = {
  /** The HTTP between it and this hub: `h1`, `h2`, `h3` or `unknown` (the default). Over `h1` at most 4 sessions of one caller and origin may come to LL-HLS. */
  readonly http?: string | null;
  /** `open`, `blocked` (WebRTC was tried and did not get through) or `unknown` (the default). */
  readonly udp?: string | null;
};

/** What the viewer's program can do, and what it knows of its network. */
export type PlayViewer = {
  /** Whether sound is wanted: a codec that WebRTC does not carry then speaks for LL-HLS. */
  readonly audio?: boolean;
  /** Codecs it decodes: `h264`, `h265`, `opus`, `pcmu`, `pcma`, `aac`, `flac` (G.711 comes so by HLS; taken for granted where it is not named). The bare name says everywhere; `webrtc:h265` or `mse:h264` say only there (`mse` stands for HLS however it is played). Absent or empty if it does not say: then H.264 everywhere. Names that are not known say nothing. */
  readonly codecs?: readonly string[];
  /** What it knows of its network. */
  readonly network?: PlayNetwork;
};

/** An error as `application/problem+json` (RFC 9457). */
export type Problem = {
  /** What exactly is wrong and what to do about it. */
  readonly detail: string;
  /** The fields at fault. */
  readonly errors?: readonly FieldFault[];
  /** What would let a refused camera be played, the easiest first. */
  readonly help?: readonly HelpTold[];
  /** The HTTP status. */
  readonly status: number;
  /** The status in words. */
  readonly title: string;
  /** A stable code. */
  readonly type: string;
};

/** A live session. */
export type Session = {
  readonly camera_id: string;
  readonly correlation_id: string;
  readonly focus?: boolean | null;
  readonly id: string;
  readonly latency_ms?: number | null;
  readonly node: string;
  readonly on_behalf_of?: string | null;
  /** `webrtc`, `ll-hls` or `hls`. */
  readonly protocol: string;
  /** Milliseconds since 1970. */
  readonly started_at: number;
  readonly startup_time_ms?: number | null;
  /** `granted`, `started` or `connected`. */
  readonly state: string;
  readonly tier: string;
  /** Who watches: the login name, the token's name, or whom a backend asked for. */
  readonly viewer: string;
  readonly visible?: boolean | null;
};

/** Sessions by their ids. */
export type SessionIds = {
  /** Another protocol for some of them, by session id: `webrtc`, `ll-hls` or `hls`, one of those the session was granted with (its `protocol` and its `fallbacks`). A session that is not named here keeps its own. */
  readonly protocols?: unknown;
  /** 1 to 100 ids. */
  readonly session_ids: readonly string[];
};

/** A fresh grant, nothing but the id, or a problem. */
export type SessionItem = Granted | {
  readonly session_id: string;
} | {
  readonly problem: Problem;
  readonly session_id: string;
};

/** What came of each session, in the request's order. */
export type SessionItems = {
  readonly items: readonly SessionItem[];
};

/** A site. */
export type SiteNow = {
  /** Milliseconds since 1970. */
  readonly created_at: number;
  readonly id: string;
  readonly name: string;
};

/** Where a camera's pictures come from: RTSP now. `onvif`, `http_file`, `http_audio`, `publish_srt`, `publish_rtmp` and `publish_whip` are reserved. */
export type Source = {
  /** Sealed to the device or the node at once; never shown again. */
  readonly password?: string | null;
  /** One to three streams. */
  readonly tiers?: readonly SourceTier[];
  /** `rtsp`. */
  readonly type: string;
  readonly username?: string | null;
};

/** Where a camera's pictures come from. The password is never shown. */
export type SourceNow = {
  readonly has_password: boolean;
  readonly tiers: readonly SourceTier[];
  readonly type: string;
  readonly username?: string | null;
};

/** The address of one stream, without credentials. */
export type SourceTier = {
  /** `main`, `sub` or `third`. */
  readonly tier: string;
  /** `rtsp://host[:port]/path`. */
  readonly url: string;
};

/** How a camera stands, in one word and in words. */
export type StateNow = {
  /** `live` (somebody watches), `ready` (pictures are in memory), `opening`, `resting` (in trouble, tried again by itself), `off` or `unknown`. */
  readonly code: string;
  readonly reason?: Told | null;
  /** Milliseconds since 1970. */
  readonly since?: number | null;
  /** The same for people. */
  readonly text: string;
};

/** How one stream of a camera stands. What is not known is `null`. */
export type TierNow = {
  readonly audio_channels?: number | null;
  /** As in RTP, such as `PCMU` or `MPEG4-GENERIC`; `null` if it sends no sound, or none is known yet. */
  readonly audio_codec?: string | null;
  /** Samples a second. */
  readonly audio_rate?: number | null;
  /** Whether pictures may come in another order than they are shown; WebRTC does not carry such streams. */
  readonly b_frames: boolean;
  readonly bitrate_kbps?: number | null;
  /** As in RFC 6381. */
  readonly codec?: string | null;
  readonly fps?: number | null;
  /** Seconds between key frames. */
  readonly gop_s?: number | null;
  readonly height?: number | null;
  /** Such as `4.1`. */
  readonly level?: string | null;
  /** Such as `high`. */
  readonly profile?: string | null;
  /** Protocols that carry it, to a viewer who decodes its codec: of `webrtc`, `ll-hls`, `hls`. */
  readonly protocols: readonly string[];
  readonly reason?: Told | null;
  /** `off`, `opening`, `warm`, `forwarding` or `resting`. */
  readonly state: string;
  readonly tier: string;
  /** Who watches it now. */
  readonly viewers: number;
  /** Whether the last pictures are in memory at the edge. */
  readonly warm: boolean;
  readonly width?: number | null;
};

/** A size in device pixels. */
export type TileSize = {
  readonly height: number;
  readonly width: number;
};

/** The hub's time. */
export type Time = {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly now_ms: number;
};

/** A code with its words. */
export type Told = {
  readonly code: string;
  readonly text: string;
};
