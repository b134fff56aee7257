// The tables of the forge GitHub, beside those that it shares with the embedded one.

export const githubSchema = `
CREATE TABLE github_repository (
  project TEXT PRIMARY KEY,
  -- GitHub's own number of it, which a new name does not change.
  repository_id INTEGER NOT NULL,
  full_name TEXT NOT NULL,
  installation_id INTEGER,
  default_branch TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`
