// The tables of what providers tell by webhook: each delivery as it came, and the names of what has been told once.

export const deliverySchema = `
CREATE TABLE delivery (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT NOT NULL,
  id TEXT NOT NULL,
  event TEXT NOT NULL,
  body TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  handled_at INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- Why it could not be handled: at the last attempt, or, when it has been put aside, at all.
  error TEXT,
  UNIQUE (provider, id)
) STRICT;
CREATE INDEX delivery_unhandled ON delivery (provider, seq) WHERE handled_at IS NULL;
CREATE INDEX delivery_handled ON delivery (handled_at) WHERE handled_at IS NOT NULL;

-- Messages and the like have a name of their own, by which a webhook and a poll tell the same one once.
CREATE TABLE told (
  key TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX told_at ON told (at);
`

export const deliveryTurnSchema = `
-- Apart from what handling writes: a row is written anew as a whole.
CREATE TABLE delivery_body (
  seq INTEGER PRIMARY KEY REFERENCES delivery (seq) ON DELETE CASCADE,
  body TEXT NOT NULL
) STRICT;
INSERT INTO delivery_body (seq, body) SELECT seq, body FROM delivery;
ALTER TABLE delivery DROP COLUMN body;
-- What is kept in order. All that came before this was known are in order among themselves.
ALTER TABLE delivery ADD COLUMN lane TEXT NOT NULL DEFAULT '';
-- Of one lane and one topic, the last says all.
ALTER TABLE delivery ADD COLUMN topic TEXT;
`
