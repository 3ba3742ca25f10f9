-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Whoever we send to and who did not answer: when to try again. A destination
-- that works has no row.

CREATE TABLE destination (
	kind TEXT NOT NULL,			-- federation, appservice, push, webhook
	name TEXT NOT NULL,			-- a server's name, a gateway's host, an id
	failures BIGINT NOT NULL,		-- one after the other
	first_failed_ms BIGINT NOT NULL,
	retry_ms BIGINT NOT NULL,		-- not before
	PRIMARY KEY (kind, name)
);
