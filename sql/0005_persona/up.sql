-- The persona actor's store procedures (actors/persona/store.h says what each means). Each is one transaction: the personas row and
-- the event on the ops stream. r_outcome: 0 done, 1 exists, 2 not found, 3 the last active one; r_ops_seq 0 when nothing changed.

-- Effect: the payload of PersonaCreated, PersonaUpdated and PersonaDeleted.
CREATE FUNCTION persona_payload(p personas) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('userId', p.user_id, 'displayName', p.display_name, 'bio', p.bio, 'avatarUrl', p.avatar_url, 'seed', p.seed,
    'deleted', p.deleted, 'version', p.version,
    'createdAt', to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'updatedAt', to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
$$;

-- Effect: appends the event that announces a persona as it is now.
CREATE FUNCTION persona_announce(a_region text, a_type smallint, p personas, a_trace uuid) RETURNS bigint LANGUAGE sql AS $$
  SELECT ops_append(a_region, a_type, p.user_id, persona_payload(p), p.updated_at, a_trace)
$$;

CREATE TYPE persona_change AS (r_outcome smallint, r_ops_seq bigint, r_persona personas);

CREATE FUNCTION persona_create(a_region text, a_user_id text, a_display_name text, a_bio text, a_trace uuid, a_now timestamptz)
RETURNS persona_change LANGUAGE plpgsql AS $$
DECLARE
  p personas;
BEGIN
  INSERT INTO personas (user_id, display_name, bio, created_at, updated_at) VALUES (a_user_id, a_display_name, a_bio, a_now, a_now)
    ON CONFLICT DO NOTHING RETURNING * INTO p;
  IF NOT FOUND THEN
    RETURN ROW(1::smallint, 0::bigint, NULL::personas)::persona_change;
  END IF;
  RETURN ROW(0::smallint, persona_announce(a_region, 1::smallint, p, a_trace), p)::persona_change;
END $$;

CREATE FUNCTION persona_update(a_region text, a_user_id text, a_display_name text, a_bio text, a_trace uuid, a_now timestamptz)
RETURNS persona_change LANGUAGE plpgsql AS $$
DECLARE
  p personas;
BEGIN
  SELECT * INTO p FROM personas WHERE user_id = a_user_id AND NOT deleted FOR UPDATE;
  IF NOT FOUND THEN
    RETURN ROW(2::smallint, 0::bigint, NULL::personas)::persona_change;
  ELSIF (p.display_name, p.bio) = (coalesce(a_display_name, p.display_name), coalesce(a_bio, p.bio)) THEN
    RETURN ROW(0::smallint, 0::bigint, p)::persona_change;
  END IF;
  UPDATE personas SET display_name = coalesce(a_display_name, display_name), bio = coalesce(a_bio, bio), version = version + 1,
    updated_at = a_now WHERE user_id = a_user_id RETURNING * INTO p;
  RETURN ROW(0::smallint, persona_announce(a_region, 2::smallint, p, a_trace), p)::persona_change;
END $$;

CREATE FUNCTION persona_delete(a_region text, a_user_id text, a_trace uuid, a_now timestamptz)
RETURNS persona_change LANGUAGE plpgsql AS $$
DECLARE
  p personas;
BEGIN
  -- Locks every active persona, so that of two deletes that would together leave none the second waits and then sees the first.
  PERFORM FROM personas WHERE NOT deleted ORDER BY user_id FOR UPDATE;
  IF NOT EXISTS (SELECT FROM personas WHERE user_id = a_user_id AND NOT deleted) THEN
    RETURN ROW(2::smallint, 0::bigint, NULL::personas)::persona_change;
  ELSIF NOT EXISTS (SELECT FROM personas WHERE user_id <> a_user_id AND NOT deleted) THEN
    RETURN ROW(3::smallint, 0::bigint, NULL::personas)::persona_change;
  END IF;
  UPDATE personas SET deleted = true, version = version + 1, updated_at = a_now WHERE user_id = a_user_id RETURNING * INTO p;
  RETURN ROW(0::smallint, persona_announce(a_region, 3::smallint, p, a_trace), p)::persona_change;
END $$;

CREATE FUNCTION persona_restore(a_region text, a_user_id text, a_trace uuid, a_now timestamptz)
RETURNS persona_change LANGUAGE plpgsql AS $$
DECLARE
  p personas;
BEGIN
  SELECT * INTO p FROM personas WHERE user_id = a_user_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN ROW(2::smallint, 0::bigint, NULL::personas)::persona_change;
  ELSIF NOT p.deleted THEN
    RETURN ROW(0::smallint, 0::bigint, p)::persona_change;
  END IF;
  UPDATE personas SET deleted = false, version = version + 1, updated_at = a_now WHERE user_id = a_user_id RETURNING * INTO p;
  RETURN ROW(0::smallint, persona_announce(a_region, 2::smallint, p, a_trace), p)::persona_change;
END $$;

-- Effect: inserts the seed personas with their PersonaCreated events; those that are there (deleted ones too) stay as they are.
CREATE FUNCTION persona_seed(a_region text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  p personas;
BEGIN
  FOR p IN
    INSERT INTO personas (user_id, display_name, bio, avatar_url, seed, created_at, updated_at)
      SELECT s.id, s.name, s.bio, '/avatars/seed/' || s.id || '.png', true, now(), now()
        FROM (VALUES
          ('clusius', 'Carolus Clusius', 'Renaissance botanist who popularized tulip cultivation in Europe.'),
          ('oosterwijck', 'Maria van Oosterwijck', 'Dutch flower painter known for detailed floral still lifes.'),
          ('leeuwenhoek', 'Antonie van Leeuwenhoek', 'Delft-based merchant with a microscope, early tulip trader and scientist.')
        ) AS s (id, name, bio)
      ON CONFLICT DO NOTHING RETURNING *
  LOOP
    PERFORM persona_announce(a_region, 1::smallint, p, NULL);
  END LOOP;
END $$;
