-- Beside the version before, outside of a transaction, as in 0014_leaf_indexes: the two indexes that up.sql then finds made.

-- What a try left half made that was cut off.
SELECT format('DROP INDEX CONCURRENTLY %I', c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE NOT i.indisvalid AND c.relname ~ '^ix_' \gexec

SELECT format('CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS %I ON %I %s', 'ix_' || v.name || '_' || leaf_name(v.base, r.region),
              leaf_name(v.base, r.region), v.definition)
  FROM (SELECT DISTINCT region FROM stream_heads) r
  CROSS JOIN (VALUES
      ('orders', 'pair',    '(idempotency_key, client_id)'),
      ('ledger', 'persona', '(account, seq) WHERE account <> ''@market''')) AS v (base, name, definition)
  WHERE to_regclass(leaf_name(v.base, r.region)) IS NOT NULL \gexec
