// What the embedded forge remembers to tell a failure that comes and goes from one that stays, and one change on two heads from two.

export const rerunSchema = `
ALTER TABLE forge_check ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
-- Signatures that have failed on this head, as JSON.
ALTER TABLE forge_check ADD COLUMN failed_before TEXT NOT NULL DEFAULT '[]';
ALTER TABLE forge_pull_request ADD COLUMN patch_id TEXT;
-- The head of the pull request that this one is based on, as far as this one has it.
ALTER TABLE forge_pull_request ADD COLUMN parent_head TEXT;
CREATE INDEX forge_pull_request_base ON forge_pull_request (project, base_ref) WHERE state = 'open';
ALTER TABLE forge_review ADD COLUMN dismissed_at INTEGER;
-- Pull requests that a person has linked, as JSON.
ALTER TABLE tracker_issue ADD COLUMN links TEXT NOT NULL DEFAULT '[]';

-- Signatures that have been seen to fail and to pass on one and the same commit.
CREATE TABLE forge_flake (
  project TEXT NOT NULL,
  signature TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (project, signature)
) STRICT, WITHOUT ROWID;
`
