// The outbox of facts: what the embedded tracker and forge know to be true and still owe to an issue's actor.

/** `seq` is never reused (AUTOINCREMENT): it is the dedupe key `fact:SEQ` of the event it becomes. */
export const factSchema = `
CREATE TABLE fact (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  issue TEXT NOT NULL,
  event TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  delivered_at INTEGER
) STRICT;
CREATE INDEX fact_undelivered ON fact (seq) WHERE delivered_at IS NULL;
CREATE INDEX fact_delivered ON fact (delivered_at) WHERE delivered_at IS NOT NULL;
`
