-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Events that are to be sent later, unless somebody says otherwise (MSC4140).

CREATE TABLE delayed_event (
	delay_id TEXT PRIMARY KEY,
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	room_id TEXT NOT NULL,
	type TEXT NOT NULL,
	state_key TEXT,				-- NULL: not a state event
	content TEXT NOT NULL,
	sticky_ms BIGINT NOT NULL DEFAULT 0,
	delay_ms BIGINT NOT NULL,
	since_ms BIGINT NOT NULL,		-- when it was scheduled or restarted
	due_ms BIGINT NOT NULL,
	txn TEXT NOT NULL,			-- of the request: the same gives the same; '' none
	status SMALLINT NOT NULL DEFAULT 0,	-- enum delayed_status
	done_ms BIGINT				-- when it was sent, cancelled or had failed
);
CREATE INDEX delayed_event_due ON delayed_event (status, due_ms);
CREATE INDEX delayed_event_user ON delayed_event (user_id, status, due_ms);
CREATE INDEX delayed_event_place ON delayed_event (room_id, type, state_key);
CREATE INDEX delayed_event_txn ON delayed_event (user_id, device_id, txn);
CREATE INDEX delayed_event_done ON delayed_event (done_ms);
