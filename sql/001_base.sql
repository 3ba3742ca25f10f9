-- SPDX-License-Identifier: AGPL-3.0-or-later
-- The first schema. One text for SQLite and PostgreSQL: BYTES becomes BLOB or
-- BYTEA; flags are SMALLINT 0/1; times are milliseconds since 1970; a nid is a
-- number of this server's own; pos is a place in the one stream of positions.

CREATE TABLE meta (
	key TEXT PRIMARY KEY,
	val TEXT NOT NULL
);

-- Accounts and sessions

CREATE TABLE account (
	user_id TEXT PRIMARY KEY,
	password TEXT,				-- NULL: no password
	kind TEXT NOT NULL DEFAULT 'user',	-- user, guest, bot, appservice
	admin SMALLINT NOT NULL DEFAULT 0,
	locked SMALLINT NOT NULL DEFAULT 0,
	suspended SMALLINT NOT NULL DEFAULT 0,
	deactivated SMALLINT NOT NULL DEFAULT 0,
	erased SMALLINT NOT NULL DEFAULT 0,
	created_ms BIGINT NOT NULL,
	appservice TEXT
);

CREATE TABLE registration_token (
	token TEXT PRIMARY KEY,
	uses_allowed BIGINT,			-- NULL: without limit
	pending BIGINT NOT NULL DEFAULT 0,
	completed BIGINT NOT NULL DEFAULT 0,
	expires_ms BIGINT			-- NULL: never
);

CREATE TABLE device (
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	name TEXT,
	created_ms BIGINT NOT NULL,
	seen_ms BIGINT,
	seen_address TEXT,
	seen_agent TEXT,
	PRIMARY KEY (user_id, device_id)
);

-- Tokens are kept as SHA-256 only. A family is one sign-in and all its refreshed tokens.
CREATE TABLE access_token (
	hash BYTES PRIMARY KEY,
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	family BIGINT NOT NULL,
	created_ms BIGINT NOT NULL,
	expires_ms BIGINT			-- NULL: never
);
CREATE INDEX access_token_device ON access_token (user_id, device_id);
CREATE INDEX access_token_family ON access_token (family);

CREATE TABLE refresh_token (
	hash BYTES PRIMARY KEY,
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	family BIGINT NOT NULL,
	created_ms BIGINT NOT NULL,
	used_ms BIGINT,				-- NULL: not used yet
	replaced SMALLINT NOT NULL DEFAULT 0	-- 1: nobody used it; the one before was shown again and gave another
);
CREATE INDEX refresh_token_device ON refresh_token (user_id, device_id);
CREATE INDEX refresh_token_family ON refresh_token (family);

CREATE TABLE login_token (
	hash BYTES PRIMARY KEY,
	user_id TEXT NOT NULL,
	expires_ms BIGINT NOT NULL
);

CREATE TABLE uia_session (
	id TEXT PRIMARY KEY,
	user_id TEXT NOT NULL,			-- '' before an account exists
	operation TEXT NOT NULL,		-- handler's name
	body BYTES,				-- digest of the request without auth: the session is for it alone
	done TEXT NOT NULL,			-- JSON array of stages
	params TEXT NOT NULL,			-- JSON object kept between calls
	created_ms BIGINT NOT NULL
);

CREATE TABLE profile (
	user_id TEXT NOT NULL,
	field TEXT NOT NULL,
	value TEXT NOT NULL,			-- JSON
	PRIMARY KEY (user_id, field)
);

-- One row a user who can be found: names folded by Unicode case folding.
CREATE TABLE user_directory (
	user_id TEXT PRIMARY KEY,
	folded TEXT NOT NULL			-- "localpart display name"
);

CREATE TABLE account_data (
	user_id TEXT NOT NULL,
	room BIGINT NOT NULL,			-- 0: global
	type TEXT NOT NULL,
	content TEXT NOT NULL,			-- JSON; '{}' for what was deleted
	pos BIGINT NOT NULL,
	PRIMARY KEY (user_id, room, type)
);
CREATE INDEX account_data_pos ON account_data (user_id, pos);

CREATE TABLE push_rules (
	user_id TEXT PRIMARY KEY,
	stored TEXT NOT NULL,			-- JSON as room/pushrule keeps it
	pos BIGINT NOT NULL
);

CREATE TABLE sync_filter (
	user_id TEXT NOT NULL,
	id BIGINT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (user_id, id)
);

-- Rooms and events

CREATE TABLE room (
	nid BIGINT PRIMARY KEY,
	room_id TEXT NOT NULL UNIQUE,
	version TEXT NOT NULL,
	published SMALLINT NOT NULL DEFAULT 0,
	blocked SMALLINT NOT NULL DEFAULT 0,
	state BYTES,				-- root of the current state
	ends TEXT NOT NULL DEFAULT '',		-- nids of the forward extremities, with commas
	created_ms BIGINT NOT NULL
);
CREATE INDEX room_published ON room (nid) WHERE published = 1;

CREATE TABLE room_alias (
	alias TEXT PRIMARY KEY,
	room BIGINT NOT NULL,
	creator TEXT NOT NULL,
	created_ms BIGINT NOT NULL
);
CREATE INDEX room_alias_room ON room_alias (room);

-- seq is the place in the room's own order, without holes: 1, 2, 3, ...
-- (history fetched later goes below 1). NULL: not in the timeline (outlier).
CREATE TABLE event (
	nid BIGINT PRIMARY KEY,
	event_id TEXT NOT NULL UNIQUE,
	room BIGINT NOT NULL,
	seq BIGINT,
	pos BIGINT NOT NULL,
	depth BIGINT NOT NULL,
	ts BIGINT NOT NULL,
	type TEXT NOT NULL,
	state_key TEXT,
	sender TEXT NOT NULL,
	flags BIGINT NOT NULL DEFAULT 0,	-- EVENT_F_*
	state BYTES,				-- root of the state before it; NULL for outliers
	redacted_by TEXT,			-- event id of the redaction
	json TEXT NOT NULL			-- exact; pruned for real when redacted
);
CREATE UNIQUE INDEX event_room_seq ON event (room, seq);
CREATE INDEX event_room_state ON event (room, type, state_key) WHERE state_key IS NOT NULL;
CREATE INDEX event_room_ts ON event (room, ts);

CREATE TABLE state_node (
	id BYTES PRIMARY KEY,
	body BYTES NOT NULL
);

CREATE TABLE room_state (
	room BIGINT NOT NULL,
	type TEXT NOT NULL,
	state_key TEXT NOT NULL,
	event BIGINT NOT NULL,
	PRIMARY KEY (room, type, state_key)
);

CREATE TABLE membership (
	room BIGINT NOT NULL,
	user_id TEXT NOT NULL,
	membership SMALLINT NOT NULL,		-- enum membership
	event BIGINT NOT NULL,
	seq BIGINT NOT NULL,			-- of the member event
	pos BIGINT NOT NULL,			-- of the change
	forgotten SMALLINT NOT NULL DEFAULT 0,
	PRIMARY KEY (room, user_id)
);
CREATE INDEX membership_user ON membership (user_id, membership);

CREATE TABLE event_txn (
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	place TEXT NOT NULL,			-- room and type: the request's path without the id
	txn_id TEXT NOT NULL,
	event_id TEXT NOT NULL,
	at_ms BIGINT NOT NULL,
	PRIMARY KEY (user_id, device_id, place, txn_id)
);
CREATE INDEX event_txn_at ON event_txn (at_ms);

CREATE TABLE relation (
	event BIGINT PRIMARY KEY,
	room BIGINT NOT NULL,
	parent TEXT NOT NULL,			-- event id
	rel_type TEXT NOT NULL,
	type TEXT NOT NULL,
	sender TEXT NOT NULL,
	key TEXT NOT NULL DEFAULT '',		-- of an annotation
	seq BIGINT NOT NULL
);
CREATE INDEX relation_parent ON relation (parent, rel_type, seq);
CREATE INDEX relation_room ON relation (room, rel_type, seq);

CREATE TABLE receipt (
	room BIGINT NOT NULL,
	user_id TEXT NOT NULL,
	kind TEXT NOT NULL,			-- m.read, m.read.private
	thread TEXT NOT NULL,			-- '' unthreaded, 'main', or an event id
	event_id TEXT NOT NULL,
	seq BIGINT NOT NULL,			-- of that event
	ts BIGINT NOT NULL,
	pos BIGINT NOT NULL,
	PRIMARY KEY (room, user_id, kind, thread)
);
CREATE INDEX receipt_pos ON receipt (room, pos);

-- End-to-end encryption

CREATE TABLE device_key (
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (user_id, device_id)
);

CREATE TABLE one_time_key (
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	algorithm TEXT NOT NULL,
	ord BIGINT NOT NULL,			-- upload order: the oldest is given out first
	key_id TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (user_id, device_id, algorithm, ord)
);
CREATE UNIQUE INDEX one_time_key_id ON one_time_key (user_id, device_id, algorithm, key_id);

CREATE TABLE fallback_key (
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	algorithm TEXT NOT NULL,
	key_id TEXT NOT NULL,
	body TEXT NOT NULL,
	used SMALLINT NOT NULL DEFAULT 0,
	PRIMARY KEY (user_id, device_id, algorithm)
);

CREATE TABLE cross_key (
	user_id TEXT NOT NULL,
	kind TEXT NOT NULL,			-- master, self_signing, user_signing
	public_key TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (user_id, kind)
);

-- Signatures by one key on another (device id or public key).
CREATE TABLE key_signature (
	user_id TEXT NOT NULL,			-- whose key is signed
	target TEXT NOT NULL,
	signer TEXT NOT NULL,
	signer_key TEXT NOT NULL,		-- "ed25519:..."
	signature TEXT NOT NULL,
	PRIMARY KEY (user_id, target, signer, signer_key)
);

-- Whose devices or keys changed at which position; the latest a user only.
CREATE TABLE device_change (
	user_id TEXT PRIMARY KEY,
	pos BIGINT NOT NULL
);
CREATE INDEX device_change_pos ON device_change (pos);

CREATE TABLE to_device (
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	pos BIGINT NOT NULL,
	sender TEXT NOT NULL,
	type TEXT NOT NULL,
	content TEXT NOT NULL,
	PRIMARY KEY (user_id, device_id, pos)
);

CREATE TABLE backup_version (
	user_id TEXT NOT NULL,
	version BIGINT NOT NULL,
	algorithm TEXT NOT NULL,
	auth_data TEXT NOT NULL,
	etag BIGINT NOT NULL DEFAULT 0,
	deleted SMALLINT NOT NULL DEFAULT 0,
	PRIMARY KEY (user_id, version)
);

CREATE TABLE backup_key (
	user_id TEXT NOT NULL,
	version BIGINT NOT NULL,
	room_id TEXT NOT NULL,
	session_id TEXT NOT NULL,
	first_index BIGINT NOT NULL,
	forwarded BIGINT NOT NULL,
	verified SMALLINT NOT NULL,
	data TEXT NOT NULL,
	PRIMARY KEY (user_id, version, room_id, session_id)
);

-- Media: files lie in data.dir/media, named by SHA-256 and shared by equal contents.

CREATE TABLE media (
	server TEXT NOT NULL,
	media_id TEXT NOT NULL,
	user_id TEXT NOT NULL,			-- '' for remote media
	type TEXT NOT NULL,
	name TEXT NOT NULL,
	bytes BIGINT NOT NULL,			-- -1: created, not uploaded yet
	sha256 BYTES,
	created_ms BIGINT NOT NULL,
	expires_ms BIGINT,			-- of an unused creation
	quarantined SMALLINT NOT NULL DEFAULT 0,
	PRIMARY KEY (server, media_id)
);
CREATE INDEX media_user ON media (user_id);
CREATE INDEX media_sha256 ON media (sha256);
