// The tables of the tracker Linear: who has let us in, what is known of their issues, and the sessions in which people look on.

export const linearSchema = `
CREATE TABLE linear_workspace (
  -- Linear's id of the organization.
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  url_key TEXT NOT NULL,
  -- Who we are there: issues are delegated to this user.
  app_user TEXT NOT NULL,
  app_name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  -- Encrypted: v1.KEYID.base64(iv, tag, ciphertext).
  access_token TEXT NOT NULL,
  refresh_token TEXT,
  -- Epoch ms; null: it does not end.
  expires_at INTEGER,
  health TEXT NOT NULL CHECK (health IN ('ok', 'revoked', 'unauthorized', 'permissions_changed')),
  reason TEXT,
  connected_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One attempt of a person to let us in.
CREATE TABLE linear_oauth (
  state TEXT PRIMARY KEY,
  -- Encrypted.
  verifier TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'exchanging', 'done', 'failed')),
  workspace TEXT,
  message TEXT,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE linear_issue (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  workspace TEXT NOT NULL,
  team TEXT NOT NULL,
  key TEXT NOT NULL,
  -- Whether it was delegated to us when it was seen last, and whether by somebody who may.
  delegated INTEGER NOT NULL CHECK (delegated IN (0, 1)),
  trusted INTEGER NOT NULL CHECK (trusted IN (0, 1)),
  -- A digest of what was seen, and when it became so: what has not changed does not look newer.
  digest TEXT NOT NULL,
  observed_at INTEGER NOT NULL,
  -- Whether it is certain that its actor has been told of it.
  announced INTEGER NOT NULL DEFAULT 0 CHECK (announced IN (0, 1)),
  removed_at INTEGER,
  -- The workflow state that we have moved it to; another one was chosen by a person.
  moved_to TEXT,
  -- The one that we are moving it to: whether that has happened is not known where the answer was lost.
  moving_to TEXT,
  status_comment TEXT,
  status_text TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX linear_issue_workspace ON linear_issue (workspace);
CREATE INDEX linear_issue_key ON linear_issue (project, key);

-- The issues of which the facts of another one speak: its blockers, its parent and its children.
CREATE TABLE linear_relation (
  issue TEXT NOT NULL,
  other TEXT NOT NULL,
  PRIMARY KEY (issue, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX linear_relation_other ON linear_relation (other);

CREATE TABLE linear_session (
  id TEXT PRIMARY KEY,
  workspace TEXT NOT NULL,
  issue TEXT,
  state TEXT NOT NULL,
  creator TEXT,
  -- Whether its beginning has been dealt with.
  opened INTEGER NOT NULL DEFAULT 0 CHECK (opened IN (0, 1)),
  -- What is awaited in it that no issue's actor has asked: a project, or a delegation.
  awaits TEXT,
  -- The last words that we have said in it and that stay.
  said TEXT,
  plan TEXT,
  -- The addresses that we have added to it.
  urls TEXT NOT NULL DEFAULT '[]',
  -- What came with it for the prompt: guidance.
  context TEXT NOT NULL DEFAULT '{}',
  last_activity_at INTEGER NOT NULL,
  -- When a person last spoke in it: reports go to the newest.
  prompted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX linear_session_issue ON linear_session (issue, prompted_at);
CREATE INDEX linear_session_activity ON linear_session (last_activity_at);

-- How far a workspace has been caught up with.
CREATE TABLE linear_cursor (
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (workspace, name)
) STRICT, WITHOUT ROWID;

-- Reports and requests that have been carried out.
CREATE TABLE linear_request (
  key TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX linear_request_at ON linear_request (at);
`

/** What tells a stop from what was asked before it. */
export const linearStopSchema = `
-- When it was delegated to us last, by Linear's clock; null: nobody has asked yet.
ALTER TABLE linear_issue ADD COLUMN delegated_at INTEGER;

-- What people have asked to stop in sessions: an issue that becomes known afterwards is told of it then.
CREATE TABLE linear_stop (
  -- Linear's id of what was said.
  id TEXT PRIMARY KEY,
  issue TEXT NOT NULL,
  -- As JSON: who has said it, when, and by which key it is told.
  prompt TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX linear_stop_issue ON linear_stop (issue);
`
