-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Containment: who may not go on, what is kept as evidence meanwhile, who did it.

-- What was contained and why; '' where a part does not matter. Rows stay for good.
CREATE TABLE containment (
	id BIGINT PRIMARY KEY,
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,		-- only this device of the user
	address TEXT NOT NULL,			-- only from this network
	server TEXT NOT NULL,			-- another server of the federation
	actor TEXT NOT NULL,
	reason TEXT NOT NULL,
	at_ms BIGINT NOT NULL,
	was_locked SMALLINT NOT NULL,		-- the account was locked before
	released_ms BIGINT,			-- NULL: in force
	released_by TEXT,
	released_reason TEXT
);
CREATE UNIQUE INDEX containment_in_force ON containment (user_id, device_id, address, server)
	WHERE released_ms IS NULL;

-- Whose devices, tokens, files and words are evidence: whatever deletes asks here first.
CREATE TABLE legal_hold (
	user_id TEXT NOT NULL,
	containment BIGINT NOT NULL,
	at_ms BIGINT NOT NULL,
	PRIMARY KEY (user_id, containment)
);

-- Events of those under legal hold as they were before a redaction.
CREATE TABLE held_event (
	event BIGINT PRIMARY KEY,
	json TEXT NOT NULL,
	at_ms BIGINT NOT NULL
);

-- What administrators did that somebody may have to answer for. Only added to.
CREATE TABLE audit (
	id BIGINT PRIMARY KEY,
	at_ms BIGINT NOT NULL,
	actor TEXT NOT NULL,
	address TEXT NOT NULL,
	action TEXT NOT NULL,
	target TEXT NOT NULL,
	reason TEXT NOT NULL
);

-- What the other servers of the federation are still to be told.
CREATE TABLE containment_outbox (
	id BIGINT PRIMARY KEY,
	containment BIGINT NOT NULL,
	released SMALLINT NOT NULL,		-- 0: it began; 1: it was released
	at_ms BIGINT NOT NULL
);

-- Invitations that wait.
CREATE INDEX membership_invited ON membership (room) WHERE membership = 1;
