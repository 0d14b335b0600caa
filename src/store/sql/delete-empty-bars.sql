-- Deletes the bars of one slice that have no ticks. Inputs: {prefix}; $1 and $2 timestamptz as in rebuild-bars.sql.
DELETE FROM {prefix}_bars_1m AS bar
WHERE bar.time >= $1 AND bar.time < $2
  AND NOT EXISTS (SELECT FROM {prefix}_ticks AS t
                  WHERE t.symbol = bar.symbol AND t.time >= bar.time AND t.time < bar.time + INTERVAL '1 minute')
