-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Full-text search. What stands here are stems (core/words.c), not words, so
-- both databases find the same; marks say where an event belongs.

CREATE VIRTUAL TABLE search_text USING fts5(
	stems, marks,
	detail = 'column', columnsize = 1, tokenize = "ascii tokenchars '_'"
);

-- How far the index has come in the stream; one row.
CREATE TABLE search_pos (
	id SMALLINT NOT NULL PRIMARY KEY,
	pos BIGINT NOT NULL
);
INSERT INTO search_pos (id, pos) VALUES (1, 0);
