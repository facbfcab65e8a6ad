-- Avatars: what the persona actor asks for pictures (actors/persona/store.h). The picture itself is a file; its name carries a hash of its
-- content, so a URL never means two pictures.

CREATE INDEX personas_avatar_url ON personas (avatar_url);

-- Effect: none: the persona as it is.
CREATE FUNCTION persona_find(a_user_id text) RETURNS persona_change LANGUAGE plpgsql STABLE AS $$
DECLARE
  p personas;
BEGIN
  SELECT * INTO p FROM personas WHERE user_id = a_user_id AND NOT deleted;
  IF NOT FOUND THEN
    RETURN ROW(2::smallint, 0::bigint, NULL::personas)::persona_change;
  END IF;
  RETURN ROW(0::smallint, 0::bigint, p)::persona_change;
END $$;

CREATE FUNCTION persona_avatar(a_region text, a_user_id text, a_avatar_url text, a_trace uuid, a_now timestamptz)
RETURNS persona_change LANGUAGE plpgsql AS $$
DECLARE
  p personas;
BEGIN
  SELECT * INTO p FROM personas WHERE user_id = a_user_id AND NOT deleted FOR UPDATE;
  IF NOT FOUND THEN
    RETURN ROW(2::smallint, 0::bigint, NULL::personas)::persona_change;
  ELSIF p.avatar_url IS NOT DISTINCT FROM a_avatar_url THEN
    RETURN ROW(0::smallint, 0::bigint, p)::persona_change;
  END IF;
  UPDATE personas SET avatar_url = a_avatar_url, version = version + 1, updated_at = a_now WHERE user_id = a_user_id RETURNING * INTO p;
  RETURN ROW(0::smallint, persona_announce(a_region, 2::smallint, p, a_trace), p)::persona_change;
END $$;

-- Effect: none: those of the URLs that no persona has, in the order given. A deleted one keeps its picture: its orders show it.
CREATE FUNCTION avatars_unused(a_urls text[], OUT r_url text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  SELECT u.url FROM unnest(a_urls) WITH ORDINALITY AS u (url, place)
    WHERE NOT EXISTS (SELECT FROM personas p WHERE p.avatar_url = u.url) ORDER BY u.place
$$;
