-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Accounts that are signed in to by another service (OpenID Connect).

CREATE TABLE upstream_link (
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	user_id TEXT NOT NULL,
	created_ms BIGINT NOT NULL,
	PRIMARY KEY (issuer, subject)
);
CREATE INDEX upstream_link_user ON upstream_link (user_id);

-- The other service's sessions, for when it ends one.
CREATE TABLE upstream_session (
	issuer TEXT NOT NULL,
	sid TEXT NOT NULL,
	user_id TEXT NOT NULL,
	created_ms BIGINT NOT NULL,
	PRIMARY KEY (issuer, sid)
);
