-- Merges the minute bars of one batch into the stored ones.
-- Inputs: {prefix}. $1 text[] symbols; timestamptz[]: $2 minutes, $10 open times, $11 close times;
--   double precision[]: $3 open, $4 high, $5 low, $6 close; numeric[]: $7 volume, $9 turnover in millionths;
--   bigint[] $8 trades. All of one length, not empty, sorted by (symbol, minute), each pair once.
-- Output: one row, the bars as stored now in the order of the input: of each column (but the symbol) an array in
--   array_send's format, timestamptz, double precision or bigint as in the input, volume and turnover (in millionths)
--   as double precision.
-- Invariants: batches come in the order of arrival. open moves only to a strictly earlier tick (the first to arrive
--   keeps it), close to a tick at the same time or later (the last to arrive takes it).
WITH stored AS (
  INSERT INTO {prefix}_bars_1m AS bar
    (symbol, time, open, high, low, close, volume, trades, turnover, open_time, close_time)
  SELECT symbol, minute, open, high, low, close, volume, trades, turnover * 0.000001, open_at, close_at
  FROM unnest(
    $1::text[], $2::timestamptz[], $3::double precision[], $4::double precision[], $5::double precision[],
    $6::double precision[], $7::numeric[], $8::bigint[], $9::numeric[], $10::timestamptz[], $11::timestamptz[]
  ) AS batch (symbol, minute, open, high, low, close, volume, trades, turnover, open_at, close_at)
  ON CONFLICT (symbol, time) DO UPDATE SET
    open       = CASE WHEN excluded.open_time < bar.open_time THEN excluded.open ELSE bar.open END,
    open_time  = least(bar.open_time, excluded.open_time),
    high       = greatest(bar.high, excluded.high),
    low        = least(bar.low, excluded.low),
    close      = CASE WHEN excluded.close_time >= bar.close_time THEN excluded.close ELSE bar.close END,
    close_time = greatest(bar.close_time, excluded.close_time),
    volume     = bar.volume + excluded.volume,
    trades     = bar.trades + excluded.trades,
    turnover   = bar.turnover + excluded.turnover
  RETURNING time, open, high, low, close, volume, trades, turnover, open_time, close_time
)
SELECT array_send(array_agg(time)),
       array_send(array_agg(open)),
       array_send(array_agg(high)),
       array_send(array_agg(low)),
       array_send(array_agg(close)),
       array_send(array_agg(volume::double precision)),
       array_send(array_agg(trades)),
       array_send(array_agg((turnover * 1000000)::double precision)),
       array_send(array_agg(open_time)),
       array_send(array_agg(close_time))
FROM stored
