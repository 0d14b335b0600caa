-- Feeds: watermarks, rejected ticks, gaps. These tables change only inside flush transactions (and a feed's renewal).
-- Input: {prefix}.

-- How far each feed is durable: every frame up to seq is stored, rejected or declared as a gap, exactly once.
-- generation: the one continuation of the feed whose entries may be committed. writer: instance that wrote frame seq.
CREATE TABLE IF NOT EXISTS {prefix}_feed_watermarks (
  feed       text        PRIMARY KEY,
  seq        bigint      NOT NULL,
  generation text        NOT NULL,
  writer     text        NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Ticks that could not be stored: frame, index within the frame, a reason from the closed list, the tick as it came.
-- No natural key: a feed whose watermark was reset may say the same seq again, and that must not stop a flush.
CREATE TABLE IF NOT EXISTS {prefix}_ticks_rejected (
  id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  feed        text        NOT NULL,
  seq         bigint      NOT NULL,
  idx         integer     NOT NULL,
  reason      text        NOT NULL,
  raw         bytea       NOT NULL,
  rejected_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS {prefix}_ticks_rejected_feed_idx ON {prefix}_ticks_rejected (feed, seq, idx);

-- Gaps that a feed declared: it can no longer supply frames after after_seq up to next_seq. No natural key, as above.
CREATE TABLE IF NOT EXISTS {prefix}_feed_gaps (
  id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  feed        text        NOT NULL,
  after_seq   bigint      NOT NULL,
  next_seq    bigint      NOT NULL,
  declared_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS {prefix}_feed_gaps_feed_idx ON {prefix}_feed_gaps (feed, after_seq);
