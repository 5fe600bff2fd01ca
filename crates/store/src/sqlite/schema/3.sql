-- What lists are sorted by is no larger than the numbers that pages go on from, which are those of JSON: 2^53 - 1.
UPDATE sessions SET tokens = 9007199254740991 WHERE tokens > 9007199254740991;
UPDATE sessions SET start_us = 9007199254740991 WHERE start_us > 9007199254740991;

-- Which sessions have items of which origins, so that origins go with the last session that has them. What sessions
-- from before have is not known: the origins up to the one noted here stay until the sessions up to the one noted
-- here are gone. See sqlite/origins.rs.
CREATE TABLE session_origins (session INTEGER NOT NULL, origin INTEGER NOT NULL, PRIMARY KEY (session, origin)) WITHOUT ROWID;
CREATE INDEX session_origins_by_origin ON session_origins (origin);
INSERT INTO sums SELECT 'last_old_session', max(id) FROM sessions HAVING max(id) IS NOT NULL;
INSERT INTO sums SELECT 'last_old_origin', max(id) FROM origins HAVING max(id) IS NOT NULL;
