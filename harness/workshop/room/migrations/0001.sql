-- BLOB and AUTO are words that room.Open puts the database's own in the place of. Times are microseconds since 1970 in
-- UTC, 0 for none; truth values are 0 and 1.

CREATE TABLE room (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  title TEXT NOT NULL,
  code TEXT NOT NULL,
  labs TEXT NOT NULL,
  course TEXT NOT NULL,
  created BIGINT NOT NULL,
  opens BIGINT NOT NULL,
  closes BIGINT NOT NULL,
  ended BIGINT NOT NULL,
  limited INTEGER NOT NULL
);

CREATE TABLE secrets (
  hash TEXT PRIMARY KEY,
  made BIGINT NOT NULL
);

CREATE TABLE settings (
  lab TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  is_open INTEGER NOT NULL,
  deadline BIGINT NOT NULL,
  late_cost INTEGER NOT NULL,
  per_hour INTEGER NOT NULL,
  hints INTEGER NOT NULL,
  answer INTEGER NOT NULL
);

CREATE TABLE participants (
  id AUTO,
  name TEXT NOT NULL,
  folded TEXT NOT NULL UNIQUE,
  team TEXT NOT NULL,
  mail TEXT NOT NULL,
  token TEXT UNIQUE,
  recovery TEXT UNIQUE,
  joined BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  removed BIGINT NOT NULL
);

CREATE TABLE reports (
  participant BIGINT NOT NULL REFERENCES participants (id),
  sent_as TEXT NOT NULL,
  lab TEXT NOT NULL,
  at BIGINT NOT NULL,
  verdict TEXT NOT NULL,
  points INTEGER NOT NULL,
  max_points INTEGER NOT NULL,
  failing TEXT NOT NULL,
  mutant TEXT NOT NULL,
  PRIMARY KEY (participant, sent_as)
);
CREATE INDEX reports_of ON reports (participant, lab, at);
CREATE INDEX reports_at ON reports (at);

-- state: 0 waits, 1 is being graded, 2 is graded in the epoch that counts.
CREATE TABLE submissions (
  id AUTO,
  participant BIGINT NOT NULL REFERENCES participants (id),
  lab TEXT NOT NULL,
  content TEXT NOT NULL,
  files BLOB NOT NULL,
  at BIGINT NOT NULL,
  late INTEGER NOT NULL,
  is_first INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  state INTEGER NOT NULL,
  UNIQUE (participant, lab, content)
);
CREATE INDEX submissions_state ON submissions (state, is_first, id);

CREATE TABLE verdicts (
  submission BIGINT NOT NULL REFERENCES submissions (id),
  epoch INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  points INTEGER NOT NULL,
  max_points INTEGER NOT NULL,
  failing TEXT NOT NULL,
  mutant TEXT NOT NULL,
  result BLOB NOT NULL,
  worker TEXT NOT NULL,
  started BIGINT NOT NULL,
  done BIGINT NOT NULL,
  PRIMARY KEY (submission, epoch)
);
CREATE INDEX verdicts_done ON verdicts (done);

CREATE TABLE overrides (
  submission BIGINT PRIMARY KEY REFERENCES submissions (id),
  points INTEGER NOT NULL,
  reason TEXT NOT NULL,
  at BIGINT NOT NULL
);

-- What is left of the submissions that a participant may make: a token bucket.
CREATE TABLE buckets (
  participant BIGINT NOT NULL REFERENCES participants (id),
  lab TEXT NOT NULL,
  tokens DOUBLE PRECISION NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (participant, lab)
);

CREATE TABLE hands (
  id AUTO,
  participant BIGINT NOT NULL REFERENCES participants (id),
  lab TEXT NOT NULL,
  test TEXT NOT NULL,
  said TEXT NOT NULL,
  at BIGINT NOT NULL,
  answered BIGINT NOT NULL
);

CREATE TABLE messages (
  id AUTO,
  said TEXT NOT NULL,
  at BIGINT NOT NULL
);

CREATE TABLE regrades (
  id AUTO,
  reason TEXT NOT NULL,
  begun BIGINT NOT NULL,
  applied BIGINT NOT NULL,
  dropped BIGINT NOT NULL
);

CREATE TABLE regraded (
  regrade BIGINT NOT NULL REFERENCES regrades (id),
  submission BIGINT NOT NULL REFERENCES submissions (id),
  was INTEGER NOT NULL, -- the epoch that counted when it was begun
  epoch INTEGER NOT NULL,
  PRIMARY KEY (regrade, submission)
);
CREATE INDEX regraded_of ON regraded (submission, epoch);

CREATE TABLE audit (
  id AUTO,
  at BIGINT NOT NULL,
  who TEXT NOT NULL,
  did TEXT NOT NULL,
  what TEXT NOT NULL,
  detail TEXT NOT NULL
);

-- The sum grows with each change. It is spread over rows, so that those who write at once seldom wait for one another.
CREATE TABLE changes (
  shard INTEGER PRIMARY KEY,
  n BIGINT NOT NULL
);
