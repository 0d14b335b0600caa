-- Indexes of the ticks that slow writes without being read, or that refuse equal trades. Output: a row an index.
SELECT i.indexrelid::regclass::text AS name, i.indisunique AS is_unique
FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = '{prefix}_ticks'::regclass AND (a.attname <> 'symbol' OR i.indisunique)
