-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Rooms whose events come from several servers. shown: the room's state when
-- the event came into its timeline, where that is not the state before it in
-- the graph (NULL: it is).

ALTER TABLE event ADD COLUMN shown BYTES;

-- Events that stored ones name as previous and that are not here: where the
-- history that we have ends.
CREATE TABLE event_gap (
	room BIGINT NOT NULL,
	missing TEXT NOT NULL,			-- event id
	event BIGINT NOT NULL,			-- nid of the one that names it
	PRIMARY KEY (room, missing, event)
);

-- What a user was shown of a room that this server is not in: an invitation
-- or a knock. The member event itself is an outlier.
CREATE TABLE stripped_state (
	room BIGINT NOT NULL,
	user_id TEXT NOT NULL,
	state TEXT NOT NULL,			-- JSON array
	PRIMARY KEY (room, user_id)
);
