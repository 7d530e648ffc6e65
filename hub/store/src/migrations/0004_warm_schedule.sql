ALTER TABLE sites ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC' CHECK (length(time_zone) BETWEEN 1 AND 64);
ALTER TABLE sites ADD COLUMN warm_schedule TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(warm_schedule));

ALTER TABLE cameras ADD COLUMN warm_schedule TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(warm_schedule));
ALTER TABLE cameras ADD COLUMN warm_now TEXT NOT NULL DEFAULT 'sub' CHECK (warm_now IN ('all', 'sub', 'main', 'none'));
UPDATE cameras SET warm_now = warm;
