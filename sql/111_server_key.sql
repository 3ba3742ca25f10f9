-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Keys that other servers sign with. They are kept after they ended: old
-- events are signed by them.

CREATE TABLE server_key (
	server TEXT NOT NULL,
	key_id TEXT NOT NULL,
	public_key BYTES NOT NULL,
	valid_until_ms BIGINT NOT NULL,
	PRIMARY KEY (server, key_id)
);
