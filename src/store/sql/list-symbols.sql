-- Symbols that have bars, ascending. Input: {prefix}. One step in the primary key a symbol.
WITH RECURSIVE symbols AS (
  (SELECT symbol FROM {prefix}_bars_1m ORDER BY symbol LIMIT 1)
  UNION ALL
  SELECT next.symbol FROM symbols
  CROSS JOIN LATERAL (
    SELECT b.symbol FROM {prefix}_bars_1m AS b WHERE b.symbol > symbols.symbol ORDER BY b.symbol LIMIT 1
  ) AS next
)
SELECT symbol FROM symbols
