// The tables of the forge GitHub, beside those that it shares with the embedded one.

export const githubSchema = `
CREATE TABLE github_repository (
  project TEXT PRIMARY KEY,
  -- GitHub's own number of it, which a new name does not change.
  repository_id INTEGER NOT NULL,
  full_name TEXT NOT NULL,
  -- As the configuration names it: another one is another repository.
  configured TEXT NOT NULL,
  installation_id INTEGER,
  default_branch TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a branch of ours is at GitHub: recorded before it is pushed (pending) and after (sha).
CREATE TABLE github_branch (
  project TEXT NOT NULL,
  branch TEXT NOT NULL,
  sha TEXT,
  pending TEXT,
  PRIMARY KEY (project, branch)
) STRICT, WITHOUT ROWID;

-- What was seen last of a pull request, beyond its row in forge_pull_request.
CREATE TABLE github_pull_request (
  project TEXT NOT NULL,
  number INTEGER NOT NULL,
  -- The present head, and when it was seen first, by our clock.
  head_sha TEXT NOT NULL,
  head_seen_at INTEGER NOT NULL,
  former_head TEXT,
  -- Since when approvals count, by GitHub's time; -1 while they do not.
  approved_at INTEGER,
  -- The verdicts that were told last, as JSON.
  reviews TEXT NOT NULL DEFAULT '[]',
  -- GitHub's time of what was seen last.
  updated_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (project, number)
) STRICT, WITHOUT ROWID;

-- What a failed check has said, by the run that said it: its log is not fetched twice.
CREATE TABLE github_failure (
  project TEXT NOT NULL,
  run TEXT NOT NULL,
  failure TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (project, run)
) STRICT, WITHOUT ROWID;

-- How far what was told has been read, by its name.
CREATE TABLE github_cursor (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`

/** The branches that candidates are tested on. */
export const landingBranchSchema = `
CREATE TABLE github_landing_branch (
  project TEXT NOT NULL,
  branch TEXT NOT NULL,
  PRIMARY KEY (project, branch)
) STRICT, WITHOUT ROWID;
`
