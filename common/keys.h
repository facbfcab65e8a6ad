/* keys: the files of CURVE keys below one directory. A role has one pair, shared by its instances:
 *
 *   <dir>/<role>/secret.key    its secret key, readable by its owner alone; only that role's processes need it
 *   <dir>/public/<role>.pub    its public keys, one a line: the present one first, then those still let in (rotation)
 *
 * A key is 40 characters of Z85. Public files are read anew whenever they have changed, so a key can be added, rotated
 * or taken away without a restart. Knows files, not cryptography. Threading: one thread.
 *
 *   struct keys *keys = keys_open("/keys", "gateway", &err);
 *   const char *role = keys_role_of(keys, client_key);      // NULL: a stranger */
#ifndef TB_KEYS_H
#define TB_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum { KEYS_LENGTH = 40, KEYS_TEXT = KEYS_LENGTH + 1, KEYS_PER_ROLE_MAX = 4 };

struct keys;

/* Effect: reads the role's secret key. Gives keys for keys_free, or NULL with err naming file and reason: not there, no
 * key, or open to others than its owner. */
struct keys *keys_open(const char *dir, const char *role, struct err *err);
void keys_free(struct keys **keys);

/* Return: the role, and its secret key as text; borrowed. Never log the latter. */
const char *keys_role(const struct keys *keys);
const char *keys_secret(const struct keys *keys);

/* Return: the role that has this public key, NULL when none has. */
const char *keys_role_of(struct keys *keys, const char *public_key);
/* Return: the role's present public key, borrowed until the next call; NULL with err naming file and reason. */
const char *keys_public(struct keys *keys, const char *role, struct err *err);
/* Return: a number that grows whenever a public file turns out to have changed. Looks at them. */
uint64_t keys_generation(struct keys *keys);

/* Effect: reads up to KEYS_PER_ROLE_MAX keys, one a line, from a file. Return: how many, or -1 with err. */
int keys_read(const char *path, char keys[KEYS_PER_ROLE_MAX][KEYS_TEXT], struct err *err);
/* Return: whether the text is 40 characters of Z85. */
bool keys_is_key(const char *text);
/* Effect: the path of a role's file. Return: false when it does not fit. */
bool keys_secret_path(const char *dir, const char *role, char *path, size_t size);
bool keys_public_path(const char *dir, const char *role, char *path, size_t size);

#endif
