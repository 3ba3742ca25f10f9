-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Second factors of accounts.

-- The secret is needed as it is to make the codes: who reads this table has the second factor, never the first.
CREATE TABLE totp (
	user_id TEXT PRIMARY KEY,
	secret BYTES NOT NULL,
	last_step BIGINT NOT NULL		-- no code of this step or an earlier one is taken again
);

CREATE TABLE recovery_code (
	user_id TEXT NOT NULL,
	hash BYTES NOT NULL,
	PRIMARY KEY (user_id, hash)
);

CREATE TABLE passkey (
	id BYTES PRIMARY KEY,			-- the credential's
	user_id TEXT NOT NULL,
	name TEXT NOT NULL,
	alg BIGINT NOT NULL,			-- COSE
	public_key BYTES NOT NULL,
	counter BIGINT NOT NULL,
	created_ms BIGINT NOT NULL,
	used_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX passkey_user ON passkey (user_id);
