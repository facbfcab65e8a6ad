-- Faults that were injected (docs/FAULTS.md), as the reconciler has seen them: a row a fault, written and ended together with its event.
CREATE TABLE faults (
  region      text        NOT NULL,
  id          text        NOT NULL,   -- kind and eight digits, as ./tulip fault list shows it
  kind        text        NOT NULL,
  target      text        NOT NULL,   -- *: everywhere
  detail      jsonb       NOT NULL,   -- what else its kind takes: link, probability, ms, jitterMs, point
  started_at  timestamptz NOT NULL,
  ends_at     timestamptz NOT NULL,   -- at the latest
  ended_at    timestamptz,            -- NULL: in force
  PRIMARY KEY (region, id)
);
CREATE INDEX faults_in_force ON faults (region) WHERE ended_at IS NULL;

CREATE FUNCTION fault_payload(f faults) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', f.id, 'kind', f.kind, 'target', f.target, 'startedAt', time_text(f.started_at), 'endsAt', time_text(f.ends_at),
    'endedAt', time_text(f.ended_at)) || f.detail
$$;

-- Effect: takes the whole picture in: what is in force, and what was lately (a_over). A fault not seen before has started, one that is not in
-- force any more has ended; each once, with its event on the ops stream, whoever asks and however often. Result: the events.
CREATE FUNCTION reconciler_faults(a_region text, a_now timestamptz, a_ids text[], a_kinds text[], a_targets text[], a_details text[],
  a_started timestamptz[], a_ends timestamptz[], a_over boolean[])
RETURNS TABLE (ops_seq bigint, type smallint, payload jsonb) LANGUAGE plpgsql AS $$
DECLARE
  fault faults;
BEGIN
  FOR fault IN
    INSERT INTO faults AS f (region, id, kind, target, detail, started_at, ends_at)
      SELECT a_region, e.id, e.kind, e.target, e.detail::jsonb, e.started, e.ends
      FROM unnest(a_ids, a_kinds, a_targets, a_details, a_started, a_ends) AS e (id, kind, target, detail, started, ends) ORDER BY e.started, e.id
    ON CONFLICT DO NOTHING RETURNING f.*
  LOOP
    type := 16;
    payload := fault_payload(fault);
    ops_seq := ops_append(a_region, type, NULL, payload, a_now, NULL);
    RETURN NEXT;
  END LOOP;
  FOR fault IN
    UPDATE faults AS f SET ended_at = greatest(f.started_at, least(f.ends_at, a_now))
      WHERE f.region = a_region AND f.ended_at IS NULL
        AND f.id NOT IN (SELECT e.id FROM unnest(a_ids, a_over) AS e (id, over) WHERE NOT e.over)
      RETURNING f.*
  LOOP
    type := 17;
    payload := fault_payload(fault);
    ops_seq := ops_append(a_region, type, NULL, payload, a_now, NULL);
    RETURN NEXT;
  END LOOP;
END $$;
