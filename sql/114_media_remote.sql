-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Copies of other servers' files in the order in which they came: the oldest go
-- when they take too much room.

CREATE INDEX media_remote ON media (created_ms) WHERE user_id = '';
