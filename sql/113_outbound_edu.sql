-- SPDX-License-Identifier: AGPL-3.0-or-later
-- What waits for other servers beside events: messages for devices, changes of
-- devices, receipts, typing. id is a position of the stream.

CREATE TABLE outbound_edu (
	destination TEXT NOT NULL,
	id BIGINT NOT NULL,
	edu TEXT NOT NULL,			-- JSON
	PRIMARY KEY (destination, id)
);
