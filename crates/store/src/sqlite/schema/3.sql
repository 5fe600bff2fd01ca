-- What lists are sorted by is no larger than the numbers that pages go on from, which are those of JSON: 2^53 - 1.
UPDATE sessions SET tokens = 9007199254740991 WHERE tokens > 9007199254740991;
UPDATE sessions SET start_us = 9007199254740991 WHERE start_us > 9007199254740991;
