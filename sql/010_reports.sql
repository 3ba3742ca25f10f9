-- SPDX-License-Identifier: AGPL-3.0-or-later
-- What users report to the administrators: a queue that is worked by removing.

CREATE TABLE report (
	id BIGINT PRIMARY KEY,			-- a position of the stream: never given twice
	kind TEXT NOT NULL,			-- event, room, user
	reporter TEXT NOT NULL,
	room_id TEXT NOT NULL,			-- '' of a user
	event_id TEXT NOT NULL,			-- '' but of an event
	about TEXT NOT NULL,			-- the event's sender or the user; '' of a room
	reason TEXT,
	score BIGINT,
	at_ms BIGINT NOT NULL
);
CREATE INDEX report_kind ON report (kind, id);
CREATE INDEX report_reporter ON report (reporter, at_ms);
