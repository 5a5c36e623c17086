-- When a row was last written, by the database's own clock: with it, what is new can be read without all the rest.
ALTER TABLE submissions ADD COLUMN touched BIGINT NOT NULL DEFAULT 0;
CREATE INDEX submissions_touched ON submissions (touched);
ALTER TABLE reports ADD COLUMN touched BIGINT NOT NULL DEFAULT 0;
CREATE INDEX reports_touched ON reports (touched);
