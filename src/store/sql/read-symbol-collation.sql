-- The collation of the ticks' symbols: ours, or that of a table which was there before. Output: one row.
SELECT n.nspname AS schema, c.collname AS name
FROM pg_attribute AS a
JOIN pg_collation AS c ON c.oid = a.attcollation
JOIN pg_namespace AS n ON n.oid = c.collnamespace
WHERE a.attrelid = '{prefix}_ticks'::regclass AND a.attname = 'symbol'
