// The tables of the tracker Linear.

export const linearSchema = `
CREATE TABLE linear_issue (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  workspace TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`
