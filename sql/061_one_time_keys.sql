-- SPDX-License-Identifier: AGPL-3.0-or-later
-- A key that is claimed lies on a page of its own in every index. One by name
-- is not needed: a device has few keys, and their names are looked at one by one.

DROP INDEX one_time_key_id;
