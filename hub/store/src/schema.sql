-- The hub's database, as it is at the newest version. This file is the document; `migrations/` is how a database
-- gets here, and a test proves that both arrive at the same schema.
--
-- Conventions: ids are their text (`cam_…`, UUIDv7, so they sort by age). Times are milliseconds since 1970.
-- Every row names its tenant, and a reference carries the tenant with it: rows of two tenants cannot meet.
-- No password and no private key is in here: camera passwords are sealed to their device, console passwords are
-- argon2 hashes, tokens are SHA-256, and the hub's own keys are files beside the database.

CREATE TABLE tenants (
    tenant_id   TEXT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

-- Web origins that may call the API and the nodes from a browser on behalf of this tenant, exactly as spelt.
CREATE TABLE allowed_origins (
    tenant_id   TEXT NOT NULL REFERENCES tenants (tenant_id),
    origin      TEXT NOT NULL,
    PRIMARY KEY (tenant_id, origin)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    tenant_id   TEXT NOT NULL REFERENCES tenants (tenant_id),
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT, WITHOUT ROWID;

-- Media nodes. The tenant is the one that operates the hub.
CREATE TABLE nodes (
    node_id     TEXT NOT NULL PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenants (tenant_id),
    name        TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

-- People. A login name belongs to one person on this hub, whatever the tenant.
CREATE TABLE users (
    user_id         TEXT NOT NULL PRIMARY KEY,
    tenant_id       TEXT NOT NULL REFERENCES tenants (tenant_id),
    name            TEXT NOT NULL UNIQUE,
    password_hash   TEXT NOT NULL,                  -- argon2, PHC text
    role            TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin', 'auditor')),
    disabled        INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    UNIQUE (tenant_id, user_id)
) STRICT;

CREATE TABLE console_sessions (
    token_hash      BLOB NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    tenant_id       TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    last_seen_at    INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX console_sessions_by_user ON console_sessions (tenant_id, user_id);
CREATE INDEX console_sessions_by_expiry ON console_sessions (expires_at);

CREATE TABLE api_tokens (
    token_id        TEXT NOT NULL PRIMARY KEY,
    tenant_id       TEXT NOT NULL REFERENCES tenants (tenant_id),
    token_hash      BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    name            TEXT NOT NULL,
    scopes          TEXT NOT NULL,                  -- words, one space between
    created_by      TEXT,                           -- a user's id; kept when the user goes
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER,
    revoked_at      INTEGER,
    last_used_at    INTEGER
) STRICT;
CREATE INDEX api_tokens_by_tenant ON api_tokens (tenant_id, token_id);

CREATE TABLE sites (
    site_id         TEXT NOT NULL PRIMARY KEY,
    tenant_id       TEXT NOT NULL REFERENCES tenants (tenant_id),
    name            TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    warm            TEXT NOT NULL DEFAULT 'sub' CHECK (warm IN ('all', 'sub', 'main', 'none')),
    time_zone       TEXT NOT NULL DEFAULT 'UTC' CHECK (length(time_zone) BETWEEN 1 AND 64),     -- of the IANA database
    warm_schedule   TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(warm_schedule)),   -- windows in which another warm holds
    UNIQUE (tenant_id, site_id)
) STRICT;

CREATE TABLE devices (
    device_id           TEXT NOT NULL PRIMARY KEY,
    tenant_id           TEXT NOT NULL,
    site_id             TEXT NOT NULL,
    name                TEXT NOT NULL,
    seal_public_key     BLOB CHECK (length(seal_public_key) = 32),  -- X25519; NULL until the device told it
    version             TEXT,                       -- of its software, as last reported
    desired_generation  INTEGER NOT NULL DEFAULT 1, -- grows with every change of what the device should do
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    last_seen_at        INTEGER,
    revoked_at          INTEGER,
    UNIQUE (tenant_id, device_id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id)
) STRICT;
CREATE INDEX devices_by_site ON devices (tenant_id, site_id);

CREATE TABLE cameras (
    camera_id       TEXT NOT NULL PRIMARY KEY,
    tenant_id       TEXT NOT NULL,
    site_id         TEXT NOT NULL,
    device_id       TEXT,                           -- NULL: pulled by a node
    name            TEXT NOT NULL,
    username        TEXT,
    sealed_password BLOB,                           -- HPKE to the device's key, bound to sealed_as
    warm            TEXT NOT NULL CHECK (warm IN ('all', 'sub', 'main', 'none')),
    linger_ms       INTEGER NOT NULL CHECK (linger_ms >= 0),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    enabled         INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),   -- 0: neither pulled nor played
    pinned_protocol TEXT CHECK (pinned_protocol IN ('webrtc', 'll-hls', 'hls')),
    pinned_tier     TEXT CHECK (pinned_tier IN ('main', 'sub', 'third')),
    sealed_as       TEXT NOT NULL DEFAULT '',       -- a credential's id; empty: camera_id
    session_budget  INTEGER NOT NULL DEFAULT 0 CHECK (session_budget BETWEEN 0 AND 64),    -- 0: learnt by its device
    onvif_key       TEXT,                           -- the physical device; all three NULL: plain RTSP
    onvif_xaddr     TEXT,                           -- where its device service was last known
    onvif_channel   INTEGER,
    warm_of_site    INTEGER NOT NULL DEFAULT 0 CHECK (warm_of_site IN (0, 1)),  -- 1: warm and schedule follow the site's
    warm_schedule   TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(warm_schedule)),   -- its own; empty while it follows its site
    -- The policy at work, which the clock changes; a change of it is a change of what the device should do.
    warm_now        TEXT NOT NULL DEFAULT 'sub' CHECK (warm_now IN ('all', 'sub', 'main', 'none')),
    UNIQUE (tenant_id, camera_id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices (tenant_id, device_id)
) STRICT;
CREATE INDEX cameras_by_site ON cameras (tenant_id, site_id);
CREATE INDEX cameras_by_device ON cameras (tenant_id, device_id);
-- What a device found is in the registry once.
CREATE UNIQUE INDEX cameras_by_find ON cameras (tenant_id, device_id, onvif_key, onvif_channel) WHERE onvif_key <> '';

CREATE TABLE camera_tiers (
    tenant_id   TEXT NOT NULL,
    camera_id   TEXT NOT NULL,
    tier        TEXT NOT NULL CHECK (tier IN ('main', 'sub', 'third')),
    url         TEXT NOT NULL,                      -- without credentials
    profile     TEXT NOT NULL DEFAULT '',           -- its ONVIF profile's token; empty: none
    PRIMARY KEY (tenant_id, camera_id, tier),
    FOREIGN KEY (tenant_id, camera_id) REFERENCES cameras (tenant_id, camera_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What may open cameras of a site, in the order to try. Those that are not kept opened something once, or may: they
-- are not in the site's bank, and wait for the camera to be accepted.
CREATE TABLE site_credentials (
    credential_id   TEXT NOT NULL PRIMARY KEY,
    tenant_id       TEXT NOT NULL,
    site_id         TEXT NOT NULL,
    label           TEXT NOT NULL,
    username        TEXT NOT NULL,
    position        INTEGER NOT NULL,
    kept            INTEGER NOT NULL CHECK (kept IN (0, 1)),
    created_at      INTEGER NOT NULL,
    UNIQUE (tenant_id, credential_id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, site_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX site_credentials_by_site ON site_credentials (tenant_id, site_id, position);

-- The password of a credential, sealed to each device that may try it: HPKE, bound to credential_id.
CREATE TABLE credential_seals (
    tenant_id       TEXT NOT NULL,
    credential_id   TEXT NOT NULL,
    device_id       TEXT NOT NULL,
    sealed_password BLOB NOT NULL,
    PRIMARY KEY (tenant_id, credential_id, device_id),
    FOREIGN KEY (tenant_id, credential_id) REFERENCES site_credentials (tenant_id, credential_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices (tenant_id, device_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_seals_by_device ON credential_seals (tenant_id, device_id);

-- Cameras on a device's networks that nobody wants to hear of.
CREATE TABLE ignored_finds (
    tenant_id   TEXT NOT NULL,
    device_id   TEXT NOT NULL,
    key         TEXT NOT NULL,                      -- the physical device
    channel     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, device_id, key, channel),
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices (tenant_id, device_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- How encoders were set before they were changed from here, and how then: the way back.
CREATE TABLE encoder_changes (
    tenant_id   TEXT NOT NULL,
    camera_id   TEXT NOT NULL,
    tier        TEXT NOT NULL CHECK (tier IN ('main', 'sub', 'third')),
    number      INTEGER NOT NULL,                   -- the newest is the highest
    before      TEXT NOT NULL,                      -- JSON
    after       TEXT NOT NULL,                      -- JSON
    changed_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, camera_id, tier, number),
    FOREIGN KEY (tenant_id, camera_id) REFERENCES cameras (tenant_id, camera_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Who was given which camera, and what became of it. No reference to the camera: its history outlives it.
CREATE TABLE play_sessions (
    session_id          TEXT NOT NULL PRIMARY KEY,
    tenant_id           TEXT NOT NULL REFERENCES tenants (tenant_id),
    camera_id           TEXT NOT NULL,
    tier                TEXT NOT NULL CHECK (tier IN ('main', 'sub', 'third')),
    protocol            TEXT NOT NULL,
    node_id             TEXT NOT NULL,
    principal           TEXT NOT NULL,              -- id of the user or token that asked
    on_behalf_of        TEXT,                       -- opaque id of an operator of the calling system
    client_ref          TEXT,
    origin              TEXT,
    viewer_token_hash   BLOB CHECK (length(viewer_token_hash) = 32),
    correlation_id      TEXT NOT NULL,
    created_at          INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,           -- not started by then: gone
    max_until           INTEGER NOT NULL,
    started_at          INTEGER,
    connected_at        INTEGER,
    ended_at            INTEGER,
    end_reason          TEXT,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;
CREATE INDEX play_sessions_active ON play_sessions (tenant_id, session_id) WHERE ended_at IS NULL;
CREATE INDEX play_sessions_by_viewer_token ON play_sessions (viewer_token_hash) WHERE viewer_token_hash IS NOT NULL;
CREATE INDEX play_sessions_by_end ON play_sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE idempotency_keys (
    tenant_id       TEXT NOT NULL REFERENCES tenants (tenant_id),
    principal       TEXT NOT NULL,
    key             TEXT NOT NULL,
    request_hash    BLOB NOT NULL CHECK (length(request_hash) = 32),
    created_at      INTEGER NOT NULL,
    status          INTEGER,                        -- NULL while the first request is at work
    body            BLOB,
    PRIMARY KEY (tenant_id, principal, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- What was done, by whom (a pseudonym). Each row's hash covers its fields and the hash before it, per tenant.
CREATE TABLE audit (
    tenant_id       TEXT NOT NULL REFERENCES tenants (tenant_id),
    seq             INTEGER NOT NULL CHECK (seq >= 1),
    at              INTEGER NOT NULL,
    actor           TEXT NOT NULL,
    action          TEXT NOT NULL,
    target          TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    detail          TEXT NOT NULL,                  -- JSON
    previous_hash   BLOB NOT NULL CHECK (length(previous_hash) = 32),
    hash            BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END;
