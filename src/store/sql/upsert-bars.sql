-- Merges the minute bars of one batch into the stored ones.
-- Inputs: {prefix}. $1 text[] symbols; bigint[] of microseconds: $2 minutes, $10 open times, $11 close times;
--   double precision[]: $3 open, $4 high, $5 low, $6 close; numeric[]: $7 volume, $9 turnover in millionths;
--   bigint[] $8 trades. All of one length, sorted by (symbol, minute), each pair once.
-- Output: the bars as stored now, times in microseconds, turnover in millionths. (date_part gives double precision:
--   half the price of extract's numeric, and the nearest microsecond is exact until 2106.)
-- Invariants: batches come in the order of arrival. open moves only to a strictly earlier tick (the first to arrive
--   keeps it), close to a tick at the same time or later (the last to arrive takes it).
INSERT INTO {prefix}_bars_1m AS bar
  (symbol, time, open, high, low, close, volume, trades, turnover, open_time, close_time)
SELECT symbol, timestamptz 'epoch' + minute * INTERVAL '1 microsecond', open, high, low, close, volume, trades,
       turnover * 0.000001,
       timestamptz 'epoch' + open_at * INTERVAL '1 microsecond',
       timestamptz 'epoch' + close_at * INTERVAL '1 microsecond'
FROM unnest(
  $1::text[], $2::bigint[], $3::double precision[], $4::double precision[], $5::double precision[],
  $6::double precision[], $7::numeric[], $8::bigint[], $9::numeric[], $10::bigint[], $11::bigint[]
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
RETURNING symbol, (date_part('epoch', time) * 1000000)::bigint, open, high, low, close, volume, trades,
  turnover * 1000000, (date_part('epoch', open_time) * 1000000)::bigint, (date_part('epoch', close_time) * 1000000)::bigint
