-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Where users want to be told of events while they are away, and how far each
-- has been told.

CREATE TABLE pusher (
	user_id TEXT NOT NULL,
	app_id TEXT NOT NULL,
	pushkey TEXT NOT NULL,
	device_id TEXT NOT NULL,		-- the device that set it: they end together
	kind TEXT NOT NULL,			-- http, email
	app_name TEXT NOT NULL,
	device_name TEXT NOT NULL,
	profile_tag TEXT NOT NULL,
	lang TEXT NOT NULL,
	data TEXT NOT NULL,			-- JSON object
	set_ms BIGINT NOT NULL,
	pos BIGINT NOT NULL,			-- what is up to here was pushed, or was not to be
	badge BIGINT NOT NULL DEFAULT -1,	-- the count that was pushed last; -1: none yet
	failures BIGINT NOT NULL DEFAULT 0,
	retry_ms BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (user_id, app_id, pushkey)
);
CREATE INDEX pusher_key ON pusher (pushkey, app_id);
