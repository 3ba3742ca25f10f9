-- SPDX-License-Identifier: AGPL-3.0-or-later
-- What each connection of sliding sync has been sent: the last answers' states,
-- of which a client may ask the next or once more the last.

CREATE TABLE sliding (
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	conn_id TEXT NOT NULL,
	pos BIGINT NOT NULL,			-- of the connection: 1, 2, 3...
	body TEXT NOT NULL,			-- JSON, core/sliding_conn.c
	at_ms BIGINT NOT NULL,
	PRIMARY KEY (user_id, device_id, conn_id, pos)
);
CREATE INDEX sliding_at ON sliding (at_ms);
