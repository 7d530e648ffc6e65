ALTER TABLE cameras ADD COLUMN sealed_as TEXT NOT NULL DEFAULT '';
ALTER TABLE cameras ADD COLUMN session_budget INTEGER NOT NULL DEFAULT 0 CHECK (session_budget BETWEEN 0 AND 64);
ALTER TABLE cameras ADD COLUMN onvif_key TEXT;
ALTER TABLE cameras ADD COLUMN onvif_xaddr TEXT;
ALTER TABLE cameras ADD COLUMN onvif_channel INTEGER;
ALTER TABLE cameras ADD COLUMN warm_of_site INTEGER NOT NULL DEFAULT 0 CHECK (warm_of_site IN (0, 1));
CREATE UNIQUE INDEX cameras_by_find ON cameras (tenant_id, device_id, onvif_key, onvif_channel) WHERE onvif_key <> '';

ALTER TABLE camera_tiers ADD COLUMN profile TEXT NOT NULL DEFAULT '';

ALTER TABLE sites ADD COLUMN warm TEXT NOT NULL DEFAULT 'sub' CHECK (warm IN ('all', 'sub', 'main', 'none'));

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

CREATE TABLE ignored_finds (
    tenant_id   TEXT NOT NULL,
    device_id   TEXT NOT NULL,
    key         TEXT NOT NULL,
    channel     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, device_id, key, channel),
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices (tenant_id, device_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE encoder_changes (
    tenant_id   TEXT NOT NULL,
    camera_id   TEXT NOT NULL,
    tier        TEXT NOT NULL CHECK (tier IN ('main', 'sub', 'third')),
    number      INTEGER NOT NULL,
    before      TEXT NOT NULL,
    after       TEXT NOT NULL,
    changed_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, camera_id, tier, number),
    FOREIGN KEY (tenant_id, camera_id) REFERENCES cameras (tenant_id, camera_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
