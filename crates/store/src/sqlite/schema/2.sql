-- How many texts of a session are searched. The rows of texts have numbers that name their session: see
-- sqlite/texts.rs. Rows from before have theirs in documents, which gets no more.
ALTER TABLE sessions ADD COLUMN texts INTEGER NOT NULL DEFAULT 0;

-- Sessions of the same number of errors follow one another as they do in every other order.
DROP INDEX sessions_by_errors;
CREATE INDEX sessions_by_errors ON sessions (errors);
