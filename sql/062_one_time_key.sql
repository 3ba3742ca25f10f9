-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Claims delete the oldest key of many devices at once, each on a page of its
-- own. Rows that lie in the primary key itself are one page a key, not two.

CREATE TABLE one_time_key_new (
	user_id TEXT NOT NULL,
	device_id TEXT NOT NULL,
	algorithm TEXT NOT NULL,
	ord BIGINT NOT NULL,			-- upload order: the oldest is given out first
	key_id TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (user_id, device_id, algorithm, ord)
) WITHOUT ROWID;
INSERT INTO one_time_key_new (user_id, device_id, algorithm, ord, key_id, body)
	SELECT user_id, device_id, algorithm, ord, key_id, body FROM one_time_key;
DROP TABLE one_time_key;
ALTER TABLE one_time_key_new RENAME TO one_time_key;
