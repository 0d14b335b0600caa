-- One-minute bars, kept by the flush transaction from its own batch (sql/upsert-bars.sql).
-- Inputs: {prefix}; {collation} (that of the ticks' symbol column, so that the two can be joined).
-- A plain table, not a hypertable: ON CONFLICT has one index to search instead of one per chunk, and the last bar
--   of every symbol is one step back in the primary key each (view {prefix}_last).
-- volume and turnover are numeric: sums of whole units are then the same however they were split into batches.
-- fillfactor: every bar of the running minute is rewritten by each flush; with half a page free the new version stays
--   on its page and no index is touched.
CREATE TABLE IF NOT EXISTS {prefix}_bars_1m (
  symbol     text COLLATE {collation} NOT NULL,
  time       timestamptz              NOT NULL,
  open       double precision         NOT NULL,
  high       double precision         NOT NULL,
  low        double precision         NOT NULL,
  close      double precision         NOT NULL,
  volume     numeric                  NOT NULL,
  trades     bigint                   NOT NULL,
  turnover   numeric                  NOT NULL,
  open_time  timestamptz              NOT NULL,
  close_time timestamptz              NOT NULL,
  PRIMARY KEY (symbol, time)
) WITH (fillfactor = 50);

-- Bars lie on disk nearly in the order of time: a few bytes per hundred pages are enough to find a day.
CREATE INDEX IF NOT EXISTS {prefix}_bars_1m_time_idx ON {prefix}_bars_1m
  USING brin (time) WITH (pages_per_range = 32, autosummarize = on);
