-- One row for each session: what lists filter and sort by. The rest of what is known is in tales.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    trace BLOB,
    state TEXT NOT NULL,
    user TEXT,
    error TEXT,
    start_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    cost REAL NOT NULL,
    tokens INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE INDEX sessions_by_start ON sessions (start_us);
CREATE INDEX sessions_by_last ON sessions (last_us);
CREATE INDEX sessions_by_duration ON sessions (duration_us);
CREATE INDEX sessions_by_cost ON sessions (cost);
CREATE INDEX sessions_by_tokens ON sessions (tokens);
CREATE INDEX sessions_by_errors ON sessions (errors, start_us);
CREATE INDEX sessions_by_state ON sessions (state, start_us);
CREATE INDEX sessions_by_user ON sessions (user, start_us) WHERE user IS NOT NULL;
CREATE INDEX sessions_by_error ON sessions (error, start_us) WHERE error IS NOT NULL;

-- What is known of a session beside its spans, as JSON.
CREATE TABLE tales (session INTEGER PRIMARY KEY, tale TEXT NOT NULL);

-- Which session the spans of a trace belong to that name none themselves.
CREATE TABLE traces (trace BLOB PRIMARY KEY, session INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX traces_by_session ON traces (session);

-- Resources and scopes.
CREATE TABLE origins (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, origin BLOB NOT NULL);

-- Spans (kind 0) and log records (kind 1), compressed together. ids: eight bytes of each, by which what
-- comes twice is told.
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    plain INTEGER NOT NULL,
    ids BLOB NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX blocks_by_session ON blocks (session, kind);

-- What sessions are filtered by beside their columns: values of fields, and who has them.
CREATE TABLE fields (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, found INTEGER NOT NULL DEFAULT 0);
CREATE TABLE field_values (
    id INTEGER PRIMARY KEY,
    field INTEGER NOT NULL,
    value TEXT NOT NULL,
    sessions INTEGER NOT NULL DEFAULT 0,
    UNIQUE (field, value)
);
CREATE TABLE session_values (value INTEGER NOT NULL, session INTEGER NOT NULL, PRIMARY KEY (value, session)) WITHOUT ROWID;
CREATE INDEX session_values_by_session ON session_values (session);

-- What is searched. The text itself is not kept here a second time.
CREATE VIRTUAL TABLE texts USING fts5 (
    body, content = '', contentless_delete = 1, detail = none, tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TABLE documents (id INTEGER PRIMARY KEY, session INTEGER NOT NULL);
CREATE INDEX documents_by_session ON documents (session);

-- Calls of each minute (and of each hour): in all, by model, agent, user and tool.
CREATE TABLE usage (
    length INTEGER NOT NULL,
    begin INTEGER NOT NULL,
    by INTEGER NOT NULL,
    key TEXT NOT NULL,
    calls INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    cost REAL NOT NULL,
    retries_cost REAL NOT NULL,
    took BLOB NOT NULL,
    first_chunk BLOB NOT NULL,
    PRIMARY KEY (length, by, begin, key)
) WITHOUT ROWID;

-- Sums that are too slow to count.
CREATE TABLE sums (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
