// The tables of the actor system. The journal carries no secondary index: with one, a million entries cut the write rate to 40 %.

export const actorSchema = `
CREATE TABLE owner (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  pid INTEGER NOT NULL,
  host TEXT NOT NULL,
  since INTEGER NOT NULL
) STRICT;

CREATE TABLE machine (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  version TEXT NOT NULL,
  UNIQUE (kind, version)
) STRICT;

CREATE TABLE shape (
  id INTEGER PRIMARY KEY,
  machine INTEGER NOT NULL REFERENCES machine (id),
  key TEXT NOT NULL
) STRICT;

CREATE TABLE actor (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  address TEXT NOT NULL UNIQUE,
  machine INTEGER NOT NULL REFERENCES machine (id),
  parent INTEGER REFERENCES actor (id),
  child TEXT,
  since INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'done', 'stopped')),
  fault TEXT,
  version INTEGER NOT NULL,
  shape INTEGER REFERENCES shape (id),
  last_seq INTEGER NOT NULL,
  sync INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  snapshot TEXT
) STRICT;
CREATE INDEX actor_parent ON actor (parent) WHERE parent IS NOT NULL;
CREATE INDEX actor_fault ON actor (id) WHERE fault IS NOT NULL;
CREATE INDEX actor_shape ON actor (shape) WHERE status = 'active';

CREATE TABLE journal (
  seq INTEGER PRIMARY KEY,
  actor INTEGER NOT NULL,
  prev INTEGER NOT NULL,
  at INTEGER NOT NULL,
  cause INTEGER,
  machine INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  ignored TEXT
) STRICT;

CREATE TABLE inbox (
  id INTEGER PRIMARY KEY,
  actor INTEGER NOT NULL REFERENCES actor (id),
  address TEXT NOT NULL,
  cause INTEGER,
  kind TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX inbox_actor ON inbox (actor, id);

CREATE TABLE timer (
  id INTEGER PRIMARY KEY,
  actor INTEGER NOT NULL REFERENCES actor (id),
  name TEXT NOT NULL,
  due INTEGER NOT NULL,
  target TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX timer_due ON timer (due, id);
CREATE INDEX timer_actor ON timer (actor, name);

CREATE TABLE effect (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  actor INTEGER NOT NULL REFERENCES actor (id),
  address TEXT NOT NULL,
  child TEXT,
  src TEXT NOT NULL,
  input TEXT NOT NULL,
  sync INTEGER NOT NULL,
  since INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'waiting')),
  attempt INTEGER NOT NULL,
  due INTEGER,
  started_at INTEGER
) STRICT;
CREATE INDEX effect_actor ON effect (actor);

CREATE TABLE effect_message (
  id INTEGER PRIMARY KEY,
  effect INTEGER NOT NULL REFERENCES effect (id) ON DELETE CASCADE,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX effect_message_effect ON effect_message (effect, id);

CREATE TABLE dedupe_key (
  actor INTEGER NOT NULL REFERENCES actor (id),
  key TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX dedupe_key_at ON dedupe_key (at);
`

/** What a machine listened to when its row was last written: a build that has lost one of them is told from an event that nobody ever knew. */
export const machineEventsSchema = 'ALTER TABLE machine ADD COLUMN events TEXT;'
