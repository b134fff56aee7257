// The tables of the embedded tracker. They need `factSchema` beside them.

export const trackerSchema = `
CREATE TABLE tracker_project (
  id TEXT PRIMARY KEY,
  last_number INTEGER NOT NULL CHECK (last_number >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE tracker_issue (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL REFERENCES tracker_project (id),
  number INTEGER NOT NULL CHECK (number > 0),
  key TEXT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  state_type TEXT NOT NULL CHECK (state_type IN ('backlog', 'unstarted', 'started', 'completed', 'canceled')),
  state_fact INTEGER,
  priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 4),
  labels TEXT NOT NULL,
  parent TEXT REFERENCES tracker_issue (id),
  delegated INTEGER NOT NULL CHECK (delegated IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  removed_at INTEGER,
  UNIQUE (project, number)
) STRICT;
CREATE INDEX tracker_issue_key ON tracker_issue (key);
CREATE INDEX tracker_issue_parent ON tracker_issue (parent) WHERE parent IS NOT NULL;
CREATE INDEX tracker_issue_created ON tracker_issue (created_at, id);

CREATE TABLE tracker_blocker (
  issue TEXT NOT NULL REFERENCES tracker_issue (id),
  blocker TEXT NOT NULL REFERENCES tracker_issue (id) CHECK (blocker <> issue),
  PRIMARY KEY (issue, blocker)
) STRICT, WITHOUT ROWID;
CREATE INDEX tracker_blocker_blocker ON tracker_blocker (blocker);

CREATE TABLE tracker_comment (
  id INTEGER PRIMARY KEY,
  issue TEXT NOT NULL REFERENCES tracker_issue (id),
  kind TEXT NOT NULL CHECK (kind IN ('comment', 'prompt', 'report', 'question')),
  author TEXT NOT NULL,
  text TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX tracker_comment_issue ON tracker_comment (issue, id);

CREATE TABLE tracker_request (
  key TEXT PRIMARY KEY,
  issue TEXT NOT NULL REFERENCES tracker_issue (id),
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tracker_request_at ON tracker_request (at);
`
