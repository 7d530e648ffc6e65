// Made from docs/reference/openapi.json by test/schema.test.ts; SLUICE_UPDATE=1 npm test makes it anew.

/** Which discoveries become cameras. */
export type Accept = {
  /** 1 to 500 of them. */
  readonly items: readonly AcceptOne[];
};

/** A discovery that becomes a camera. */
export type AcceptOne = {
  readonly id: string;
  /** What to call it; what it calls itself if absent. */
  readonly name?: string | null;
  /** `all`, `sub`, `main` or `none`; what its site says if absent. */
  readonly warm?: string | null;
};

/** A camera of the registry, or a problem. */
export type Accepted = {
  readonly camera_id: string;
  readonly id: string;
} | {
  readonly id: string;
  readonly problem: Problem;
};

/** What came of each discovery, in the request's order. */
export type Accepts = {
  readonly items: readonly Accepted[];
};

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
  /** Which tiers are pulled while nobody watches: `all`, `sub`, `main`, `none`, or `site` (the default): what its site says. */
  readonly warm?: string | null;
};

/** A user name and a password for the cameras of a site. */
export type AddCredential = {
  /** What to call it; the user name if absent. */
  readonly label?: string | null;
  /** Sealed to every device of the site at once; never shown again. */
  readonly password: string;
  readonly username: string;
};

/** One thing that could be better. */
export type AdviceNow = {
  readonly change?: ChangeNow | null;
  /** `gop-long`, `gop-dynamic`, `b-frames`, `h265-only`, `sub-missing`, `sub-large`, `g711-only`, `clock-off`, `clock-unknown` or `vbr-peaks`. */
  readonly code: string;
  /** What the setting is called in cameras. */
  readonly setting: string;
  /** `warning` or `hint`. */
  readonly severity: string;
  /** What is so, why that is bad, and what to do. */
  readonly text: string;
  /** The stream it is about; `null` for the camera as a whole. */
  readonly tier?: string | null;
};

/** What could be better about a camera, what matters most first. */
export type Advices = {
  readonly items: readonly AdviceNow[];
  /** The streams whose encoder was changed from here and can be set back. */
  readonly undoable: readonly string[];
};

/** An encoder's settings before and after. */
export type Applied = {
  /** As they are now, or would be. */
  readonly after: EncoderNow;
  /** Whether they are so. */
  readonly applied: boolean;
  readonly before: EncoderNow;
};

/** Which advice to follow. */
export type Apply = {
  /** Of an advice that has a `change`. */
  readonly code: string;
  /** Only say what would be; `true` if absent. */
  readonly dry_run?: boolean | null;
  /** `main`, `sub` or `third`. */
  readonly tier: string;
};

/** What came of one discovery. */
export type Attempt = {
  /** What opened it. */
  readonly credential_id?: string | null;
  readonly id: string;
  readonly opened: boolean;
  /** Why nothing did. */
  readonly text: string;
  readonly username?: string | null;
};

/** What came of each discovery, in the request's order. */
export type Attempts = {
  readonly items: readonly Attempt[];
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
  readonly device?: FactsNow | null;
  /** Whether it is pulled and may be played. */
  readonly enabled: boolean;
  readonly id: string;
  /** How long a feed outlives its last viewer. */
  readonly linger_s: number;
  readonly name: string;
  readonly pins: PinsNow;
  /** The most sessions to hold of it at once; 0 if its device learns it. */
  readonly session_budget: number;
  readonly site_id: string;
  readonly source?: SourceNow | null;
  readonly state: StateNow;
  readonly tiers: readonly TierNow[];
  /** The clock by which that is: its site's, a name of the IANA time zone database. */
  readonly time_zone: string;
  readonly updated_at: number;
  /** The device that pulls it, or `node`. */
  readonly via: string;
  /** Which tiers are pulled while nobody watches: `all`, `sub`, `main` or `none`. */
  readonly warm: string;
  /** When the schedule makes another of it, as in RFC 3339; `null` if it does not within eight days. */
  readonly warm_next_change?: string | null;
  /** The policy at work now. */
  readonly warm_now: string;
  /** Whether that, and when another policy holds, is what its site says. */
  readonly warm_of_site: boolean;
  /** When another policy than `warm` holds: the first window that holds wins. */
  readonly warm_schedule: readonly WindowNow[];
};

/** What a camera can do beside sending pictures. */
export type Can = {
  /** Have its encoder set. */
  readonly encoder: boolean;
  /** Tell what it notices. */
  readonly events: boolean;
  /** Be turned or zoomed. */
  readonly ptz: boolean;
  /** Give single pictures as JPEG. */
  readonly snapshot: boolean;
  /** Send a key frame when asked; `null` until it was tried. */
  readonly sync_point?: boolean | null;
};

/** What to change about a camera; what is absent stays. */
export type ChangeCamera = {
  readonly enabled?: boolean | null;
  readonly linger_s?: number | null;
  readonly name?: string | null;
  readonly pins?: PinsNow | null;
  /** The most sessions to hold of it at once, 1 to 64; 0 to learn it. */
  readonly session_budget?: number | null;
  readonly site_id?: string | null;
  readonly source?: Source | null;
  /** A device, or `node`. */
  readonly via?: string | null;
  /** `all`, `sub`, `main`, `none`, or `site`: what its site says. */
  readonly warm?: string | null;
  /** At most 16 windows, all of them; empty for no schedule. For a camera with a policy of its own: one that follows its site follows the site's schedule too. */
  readonly warm_schedule?: unknown | null;
};

/** What of an encoder's settings changes; what is `null` stays. */
export type ChangeNow = {
  readonly bitrate_kbps?: number | null;
  readonly codec?: string | null;
  readonly constant_bitrate?: boolean | null;
  readonly fps?: number | null;
  readonly gop_frames?: number | null;
  readonly height?: number | null;
  readonly profile?: string | null;
  readonly width?: number | null;
};

/** What to change about a site; what is absent stays. */
export type ChangeSite = {
  readonly name?: string | null;
  /** A name of the IANA time zone database, such as `America/Sao_Paulo`. */
  readonly time_zone?: string | null;
  /** `all`, `sub`, `main` or `none`, for every camera that follows its site. */
  readonly warm?: string | null;
  /** At most 16 windows, all of them; empty for no schedule. */
  readonly warm_schedule?: unknown | null;
};

/** A speed, each part from -1 to 1: right, up and in are positive. What is absent is 0. */
export type Continuous = {
  /** The camera stops after so many milliseconds, at most 5,000, unless it is told to move on; 1,000 if absent. Say it again while a key is held: a caller that is gone stops the camera. */
  readonly for_ms?: number | null;
  readonly pan?: number;
  readonly tilt?: number;
  readonly zoom?: number;
};

/** A user name whose password the site keeps, sealed. */
export type CredentialNow = {
  /** The devices that can try it: those that were there when it was given. */
  readonly devices: readonly string[];
  readonly id: string;
  readonly label: string;
  /** Its place in the order to try. */
  readonly position: number;
  readonly username: string;
};

/** The credentials of a site, in the order to try. */
export type Credentials = {
  readonly items: readonly CredentialNow[];
  /** Always `null`: the list is whole. */
  readonly next?: string | null;
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

/** Cameras that devices found, and whether more may come. */
export type Discoveries = {
  readonly items: readonly Discovery[];
  /** Always `null`: the list is whole. */
  readonly next?: string | null;
  /** Whether a device is searching. */
  readonly searching: boolean;
};

/** A camera on a device's networks: one for each video source, a recorder with 16 channels is 16. What is not known is `null` or empty. */
export type Discovery = {
  /** `host[:port]`; `null` for who may not change cameras. */
  readonly address?: string | null;
  /** As in RTP, such as `PCMU`. */
  readonly audio_codec?: string | null;
  /** The camera of the registry that it is. */
  readonly camera_id?: string | null;
  readonly can: Can;
  /** Which of its video sources, from 0. */
  readonly channel: number;
  /** Its clock less its device's. */
  readonly clock_offset_ms?: number | null;
  readonly credential?: OpenedBy | null;
  readonly device_id: string;
  readonly firmware: string;
  /** Milliseconds since 1970, in the device's clock. */
  readonly first_seen: number;
  readonly hardware_address: string;
  /** `probe`, `hello`, `scan` or `manual`. */
  readonly how: string;
  /** Names it in the other calls; opaque. */
  readonly id: string;
  /** Whether nobody wants to hear of it. */
  readonly ignored: boolean;
  /** Names the physical camera whatever its address. */
  readonly key: string;
  readonly last_seen: number;
  readonly manufacturer: string;
  readonly model: string;
  readonly name: string;
  readonly serial: string;
  readonly site_id?: string | null;
  /** `asking`, `needs-credentials`, `refused`, `understood`, `silent`, `not-usable` or `changed`. */
  readonly state: string;
  /** What stands in the way, in words. */
  readonly text: string;
  /** Largest picture first. */
  readonly tiers: readonly TierFound[];
  /** What could be better about it. */
  readonly warnings: readonly Warning[];
};

/** How a camera is set to encode a stream. What it does not say is `null`. */
export type EncoderNow = {
  /** The most it sends. */
  readonly bitrate_kbps?: number | null;
  /** `H264`, `H265` or `JPEG`. */
  readonly codec?: string | null;
  readonly constant_bitrate?: boolean | null;
  /** The most pictures a second. */
  readonly fps?: number | null;
  /** Pictures from one key frame to the next. */
  readonly gop_frames?: number | null;
  readonly height?: number | null;
  /** As the camera spells it. */
  readonly profile?: string | null;
  readonly width?: number | null;
};

/** What a device knows of a camera beside its streams. What is not known is empty or `null`. */
export type FactsNow = {
  readonly can: Can;
  /** Its clock less its device's. */
  readonly clock_offset_ms?: number | null;
  readonly firmware: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial: string;
  /** What stands in the way of its ONVIF side, in words; empty if nothing does. */
  readonly trouble: string;
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
  /** Where the camera's last picture is, for a moment before it moves: fetched with the credential of this request, or with the viewer token. `null` where there is none, and when a session is renewed. */
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

/** Which discoveries are to be hidden or shown. */
export type Ignore = {
  /** 1 to 500 ids of discoveries. */
  readonly ids: readonly string[];
  readonly ignored: boolean;
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

/** How a camera is to move: exactly one of these. */
export type Move = {
  readonly absolute?: Position | null;
  readonly continuous?: Continuous | null;
  /** The token of a place that it remembers. */
  readonly go_to?: string | null;
  readonly relative?: Position | null;
  /** Stop; `true`. */
  readonly stop?: boolean | null;
};

/** The credential that opened a camera. Its password is never shown. */
export type OpenedBy = {
  readonly id: string;
  readonly label: string;
  readonly username: string;
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
  /** Whether the viewer may move these cameras over the connection that shows them by WebRTC (the data channel `sluice-control`). `true` needs the right to move them. If absent: for a person who is logged in, what the role allows; for an API token, no. */
  readonly ptz?: boolean | null;
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

/** A way or a place, each part from -1 to 1: right, up and in are positive; a place's zoom from 0. What is absent is 0. */
export type Position = {
  readonly pan?: number;
  readonly tilt?: number;
  readonly zoom?: number;
};

/** A place that a camera remembers. */
export type PresetNow = {
  /** People's name for it. */
  readonly name: string;
  /** The camera's name for it. */
  readonly token: string;
};

/** The places that a camera remembers. */
export type Presets = {
  readonly items: readonly PresetNow[];
  /** Always `null`: the list is whole. */
  readonly next?: string | null;
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

/** Where to search. */
export type Search = {
  /** Cameras that are known by address: `host`, `host:port` or the URL of an ONVIF device service. At most 64. */
  readonly addresses?: readonly string[];
  readonly device_id: string;
  /** Ranges of IPv4 addresses to ask one by one, such as `10.1.0.0/24`, beside the networks the device is on. At most 16, each of at most 8,192 addresses. */
  readonly ranges?: readonly string[];
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

/** A session that a device holds, or tries to get, of a physical camera. */
export type SessionNow = {
  /** `rtsp` or `onvif`. */
  readonly kind: string;
  /** What for: a tier's name, or what is asked. */
  readonly purpose: string;
  /** Milliseconds since 1970, in the device's clock. */
  readonly since: number;
  /** `waiting`, `opening`, `open` or `leaving`. */
  readonly state: string;
};

/** Who holds a camera's sessions. */
export type SessionsNow = {
  /** How many the physical camera may serve at once, as set or learnt; `null` if not known. */
  readonly budget?: number | null;
  readonly items: readonly SessionNow[];
};

/** A site. */
export type SiteNow = {
  /** Milliseconds since 1970. */
  readonly created_at: number;
  readonly id: string;
  readonly name: string;
  /** The clock that its people read: a name of the IANA time zone database. */
  readonly time_zone: string;
  /** Which tiers of its cameras are pulled while nobody watches, unless a camera says otherwise: `all`, `sub`, `main` or `none`. */
  readonly warm: string;
  /** When the schedule makes another of it, as in RFC 3339; `null` if it does not within eight days. */
  readonly warm_next_change?: string | null;
  /** The policy at work now. */
  readonly warm_now: string;
  /** When another policy than `warm` holds for the cameras that follow it: the first window that holds wins. */
  readonly warm_schedule: readonly WindowNow[];
};

/** Where a camera's pictures come from: RTSP, or ONVIF, where the device finds the streams itself. `http_file`, `http_audio`, `publish_srt`, `publish_rtmp` and `publish_whip` are reserved. */
export type Source = {
  /** For `onvif`: `host`, `host:port` or the URL of its device service. */
  readonly address?: string | null;
  /** For `onvif`: which of its video sources, from 0, which is taken if absent. */
  readonly channel?: number | null;
  /** Sealed to the device or the node at once; never shown again. */
  readonly password?: string | null;
  /** For `rtsp`: one to three streams. */
  readonly tiers?: readonly SourceTier[];
  /** `rtsp` or `onvif`. */
  readonly type: string;
  readonly username?: string | null;
};

/** Where a camera's pictures come from. The password is never shown. */
export type SourceNow = {
  /** For `onvif`: where its device service was last known to answer, `host[:port]`. */
  readonly address?: string | null;
  /** For `onvif`: which of its video sources. */
  readonly channel?: number | null;
  readonly has_password: boolean;
  readonly tiers: readonly SourceTier[];
  /** `rtsp` or `onvif`. */
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

/** A stream that a camera offers. */
export type TierFound = {
  readonly bitrate_kbps?: number | null;
  readonly codec?: string | null;
  readonly fps?: number | null;
  /** Seconds between key frames. */
  readonly gop_s?: number | null;
  readonly height?: number | null;
  readonly tier?: string | null;
  readonly width?: number | null;
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
  readonly encoder?: EncoderNow | null;
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

/** What to try at which cameras. */
export type Try = {
  /** Whether what the site keeps is tried too, after these. */
  readonly bank?: boolean;
  /** At most 8, tried in this order. Cameras lock out who tries too much. */
  readonly credentials?: readonly TryCredential[];
  /** 1 to 500 ids of discoveries. */
  readonly ids: readonly string[];
};

/** A user name and a password. */
export type TryCredential = {
  /** Whether the site keeps it for cameras to come. */
  readonly keep?: boolean;
  /** What to call it; the user name if absent. */
  readonly label?: string | null;
  /** Sealed to the devices at once; never shown again. */
  readonly password: string;
  readonly username: string;
};

/** Which stream to set back. */
export type Undo = {
  /** `main`, `sub` or `third`. */
  readonly tier: string;
};

/** Something about a camera that could be better. */
export type Warning = {
  readonly code: string;
  readonly text: string;
};

/** On which days, from when to when, another warm policy holds; times are those of the site's time zone. */
export type WindowNow = {
  /** The days on which it begins: `mon` to `sun`. */
  readonly days: readonly string[];
  /** `HH:MM`, from `00:00` to `23:59`. */
  readonly from: string;
  /** `HH:MM`; no later than `from` means on the next day. */
  readonly to: string;
  /** `all`, `sub`, `main` or `none`. */
  readonly warm: string;
};
