-- SPDX-License-Identifier: AGPL-3.0-or-later
-- The OAuth 2.0 API: clients, codes, who signed in by which client, browsers.
-- Every secret is kept as its SHA-256 only.

CREATE TABLE oauth_client (
	id TEXT PRIMARY KEY,			-- made of the metadata: the same client gets the same id
	metadata TEXT NOT NULL,			-- JSON, as it was answered
	used_ms BIGINT NOT NULL			-- last registered, or asked for an authorisation
);

CREATE TABLE oauth_code (
	hash BYTES PRIMARY KEY,
	client_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	redirect_uri TEXT NOT NULL,
	scope TEXT NOT NULL,
	challenge TEXT NOT NULL,
	created_ms BIGINT NOT NULL,
	used SMALLINT NOT NULL DEFAULT 0,
	burnt SMALLINT NOT NULL DEFAULT 0,	-- shown twice
	device_id TEXT				-- what it gave, once it did
);

-- A sign-in (token family) that a client was authorised for.
CREATE TABLE oauth_session (
	family BIGINT PRIMARY KEY,
	client_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	scope TEXT NOT NULL
);
CREATE INDEX oauth_session_device ON oauth_session (user_id, device_id);
CREATE INDEX oauth_session_client ON oauth_session (client_id);

CREATE TABLE oauth_device_code (
	hash BYTES PRIMARY KEY,
	user_code BYTES NOT NULL UNIQUE,
	client_id TEXT NOT NULL,
	scope TEXT NOT NULL,
	state SMALLINT NOT NULL DEFAULT 0,	-- 0 waits, 1 allowed, 2 refused, 3 used
	user_id TEXT,				-- who allowed it
	expires_ms BIGINT NOT NULL,
	polled_ms BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE browser_session (
	hash BYTES PRIMARY KEY,
	user_id TEXT NOT NULL,
	partial SMALLINT NOT NULL,		-- 1: a second factor is still owed
	created_ms BIGINT NOT NULL,
	auth_ms BIGINT NOT NULL			-- when the person last showed who they are
);
CREATE INDEX browser_session_user ON browser_session (user_id);

-- What a person allowed on the account page, to be done once by a client.
CREATE TABLE oauth_approval (
	user_id TEXT NOT NULL,
	operation TEXT NOT NULL,
	expires_ms BIGINT NOT NULL,
	PRIMARY KEY (user_id, operation)
);

-- Things that hold once and for minutes: WebAuthn challenges, states of sign-ins elsewhere.
CREATE TABLE onetime (
	hash BYTES PRIMARY KEY,
	purpose TEXT NOT NULL,
	data TEXT NOT NULL,
	expires_ms BIGINT NOT NULL
);
