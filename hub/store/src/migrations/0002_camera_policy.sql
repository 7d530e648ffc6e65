ALTER TABLE cameras ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1));
ALTER TABLE cameras ADD COLUMN pinned_protocol TEXT CHECK (pinned_protocol IN ('webrtc', 'll-hls', 'hls'));
ALTER TABLE cameras ADD COLUMN pinned_tier TEXT CHECK (pinned_tier IN ('main', 'sub', 'third'));
