-- Cues as the reconciler has judged them: one row a cue, changed together with its CueChanged event on the ops stream.
CREATE TABLE cues (
  region      text        NOT NULL,
  id          text        NOT NULL,
  active      boolean     NOT NULL,
  since       timestamptz,            -- NULL: not active
  severity    text        NOT NULL,
  message     text,                   -- NULL: not active
  data        jsonb       NOT NULL,   -- what was behind it when it changed
  changed_at  timestamptz NOT NULL,
  PRIMARY KEY (region, id)
);

-- Effect: sets a cue and says so on the ops stream; nothing when it is in that state already. Result: the event's seq, 0 = nothing
-- changed, and its payload ({} then): the cue as GET /api/status shows it.
CREATE FUNCTION reconciler_cue(a_region text, a_id text, a_active boolean, a_since timestamptz, a_severity text, a_message text, a_data text,
  a_now timestamptz, OUT ops_seq bigint, OUT payload jsonb) LANGUAGE plpgsql AS $$
DECLARE
  cue cues;
BEGIN
  ops_seq := 0;
  payload := '{}';
  -- The row is locked first: of two reconcilers that both believe they lead, one changes it and one finds it changed.
  INSERT INTO cues (region, id, active, severity, data, changed_at) VALUES (a_region, a_id, false, a_severity, '{}', a_now) ON CONFLICT DO NOTHING;
  UPDATE cues SET active = a_active, since = CASE WHEN a_active THEN a_since END, severity = a_severity,
      message = CASE WHEN a_active THEN a_message END, data = a_data::jsonb, changed_at = a_now
    WHERE region = a_region AND id = a_id AND active <> a_active RETURNING * INTO cue;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  payload := jsonb_build_object('id', cue.id, 'active', cue.active, 'since', time_text(cue.since), 'severity', cue.severity,
    'message', cue.message, 'data', cue.data);
  ops_seq := ops_append(a_region, 10::smallint, NULL, payload, a_now, NULL);
END $$;
