// The tables of the embedded forge. They need `factSchema` beside them. Issues may live in any tracker, so nothing here refers to its tables.

export const forgeSchema = `
CREATE TABLE forge_project (
  id TEXT PRIMARY KEY,
  base_ref TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE forge_ref (
  project TEXT NOT NULL,
  ref TEXT NOT NULL,
  sha TEXT,
  pending TEXT,
  PRIMARY KEY (project, ref),
  CHECK (sha IS NOT NULL OR pending IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE forge_ref_incident (
  id INTEGER PRIMARY KEY,
  project TEXT NOT NULL,
  ref TEXT NOT NULL,
  expected TEXT,
  found TEXT,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE forge_pull_request (
  project TEXT NOT NULL,
  number INTEGER NOT NULL CHECK (number > 0),
  issue TEXT NOT NULL,
  key TEXT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  author TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'merged')),
  draft INTEGER NOT NULL CHECK (draft IN (0, 1)),
  head_ref TEXT NOT NULL,
  head_sha TEXT NOT NULL,
  base_ref TEXT NOT NULL,
  merged_sha TEXT,
  queue_state TEXT NOT NULL CHECK (queue_state IN ('none', 'queued', 'evicted')),
  queue_head TEXT,
  queue_incident TEXT,
  queue_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (project, number),
  CHECK ((state = 'merged') = (merged_sha IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX forge_pull_request_open ON forge_pull_request (project, head_ref) WHERE state = 'open';
CREATE INDEX forge_pull_request_head ON forge_pull_request (project, head_ref, number);
CREATE INDEX forge_pull_request_issue ON forge_pull_request (issue, number);

CREATE TABLE forge_review (
  id INTEGER PRIMARY KEY,
  project TEXT NOT NULL,
  number INTEGER NOT NULL,
  reviewer TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('approved', 'changes_requested')),
  head_sha TEXT NOT NULL,
  body TEXT NOT NULL,
  comments TEXT NOT NULL,
  request_key TEXT UNIQUE,
  at INTEGER NOT NULL,
  FOREIGN KEY (project, number) REFERENCES forge_pull_request (project, number)
) STRICT;
CREATE INDEX forge_review_pull_request ON forge_review (project, number, id);

CREATE TABLE forge_check (
  project TEXT NOT NULL,
  number INTEGER NOT NULL,
  head_sha TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'passed', 'failed')),
  names TEXT NOT NULL,
  failures TEXT NOT NULL,
  obstacle TEXT,
  at INTEGER NOT NULL,
  PRIMARY KEY (project, number, head_sha),
  FOREIGN KEY (project, number) REFERENCES forge_pull_request (project, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX forge_check_pending ON forge_check (project, number) WHERE state = 'pending';
`
