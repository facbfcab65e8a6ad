-- Beside the version before, outside of a transaction: the leaves' new indexes, which up.sql then finds made, so that it locks for a moment. Without
-- this the writers of an upgrade waited until all were made: half a minute for a million orders.

-- What a try left half made that was cut off.
SELECT format('DROP INDEX CONCURRENTLY %I', c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE NOT i.indisvalid AND c.relname ~ '^ix_' \gexec

SELECT format('CREATE %s INDEX CONCURRENTLY IF NOT EXISTS %I ON %I %s', v.kind, 'ix_' || v.name || '_' || leaf_name(v.base, r.region),
              leaf_name(v.base, r.region), v.definition)
  FROM (SELECT DISTINCT region FROM stream_heads) r
  CROSS JOIN (VALUES
      ('orders',     'seq',      'UNIQUE', '(seq)'),
      ('orders',     'key',      'UNIQUE', '(client_id, idempotency_key)'),
      ('orders',     'user',     '',       '(user_id, seq)'),
      ('orders',     'trace',    '',       '(trace_id) WHERE kind = 1'),
      ('executions', 'seq',      'UNIQUE', '(seq)'),
      ('executions', 'leg',      'UNIQUE', '(order_seq, leg)'),
      ('executions', 'trades',   '',       '(user_id, seq) WHERE type = 1'),
      ('executions', 'unfilled', '',       '(type, order_seq) WHERE type IN (3, 4)'),
      ('outbox',     'seq',      'UNIQUE', '(seq)'),
      ('ledger',     'account',  'UNIQUE', '(account, seq)'),
      ('ledger',     'once',     'UNIQUE', '(order_seq, owner, account, reason)'),
      ('ledger',     'seq',      '',       '(seq)')) AS v (base, name, kind, definition)
  WHERE to_regclass(leaf_name(v.base, r.region)) IS NOT NULL \gexec
