CREATE TABLE added (id int);
ALTER TABLE orders ADD COLUMN note text;
-- DROP TABLE in a comment is none
ALTER TABLE orders DROP COLUMN kind;
ALTER TABLE orders ALTER COLUMN seq TYPE text;
ALTER TABLE orders RENAME COLUMN seq TO number;
DROP FUNCTION used_by_the_version_before(text);
DROP FUNCTION used_by_nobody(text); -- contract: no statement since 0.2 calls it
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
TRUNCATE orders;
