-- SPDX-License-Identifier: AGPL-3.0-or-later
-- What waits to be sent to other servers.

-- Rooms with members of other servers: how far their events were given out to
-- the queues below.
CREATE TABLE outbound_room (
	room BIGINT PRIMARY KEY,
	seq BIGINT NOT NULL
);

CREATE TABLE outbound_pdu (
	destination TEXT NOT NULL,
	event BIGINT NOT NULL,			-- nid
	room BIGINT NOT NULL,
	PRIMARY KEY (destination, event)
);
