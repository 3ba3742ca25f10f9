-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Events that stay in sight for a while, whatever is written after them (MSC4354).

CREATE TABLE sticky_event (
	event BIGINT PRIMARY KEY,
	room BIGINT NOT NULL,
	pos BIGINT NOT NULL,
	until_ms BIGINT NOT NULL
);
CREATE INDEX sticky_event_room ON sticky_event (room, pos);
CREATE INDEX sticky_event_until ON sticky_event (until_ms);
