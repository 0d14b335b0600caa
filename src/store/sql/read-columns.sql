-- Columns of tables, from the catalog. Input: $1 text[] names. Output: a row a column, none for a name that is missing.
-- must_be_given: NOT NULL, no default and not generated, so that an insert which leaves it out fails.
SELECT c.relname AS table_name, c.relkind AS kind, a.attname AS column_name,
       format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '' AS must_be_given
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.oid = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
