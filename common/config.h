/* config: one actor's settings from four sources, the later wins: built-in default, file (--config FILE, INI),
 * environment (TB_NAME), flag (--name). Keys are lower case with underscores: `simfill_delay_ms` is TB_SIMFILL_DELAY_MS
 * and --simfill-delay-ms. The file has a section [tulip] for the common keys and one per actor, which is stronger; a
 * key or section nobody knows is an error that names it. In the environment, other actors' keys are ignored (the
 * launcher looks for typing errors), and empty is unset.
 * --print-config shows each value with its source, --list-keys the names. Values are checked against kind and range at
 * load. Threading: read-only after the load.
 *
 *   static const struct config_key keys[] = {{"port", CONFIG_INTEGER, "8080", 1, 65535, "TCP port."}, {0}};
 *   struct config *config = config_load("gateway", keys, argc, argv, &err);
 *   if (!config) …err.text…
 *   if (config_answered(config)) return 0;
 *   listen(config_integer(config, "port")); */
#ifndef TB_CONFIG_H
#define TB_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

enum config_kind { CONFIG_TEXT = 1, CONFIG_INTEGER, CONFIG_BOOLEAN, CONFIG_MONEY, CONFIG_SECRET };

struct config_key {
    const char *name;
    enum config_kind kind;
    const char *fallback;     /* as text; "" = unset (numbers then read as 0) */
    int64_t minimum, maximum; /* CONFIG_INTEGER; both 0 = any */
    const char *help;         /* one sentence, units included */
};

struct config;

/* The keys every actor knows: region, az, instance, run_dir, topology, curve_dir, bus_plaintext, database_url,
 * database_password_file, log_level, health_file, env, restarts, build_commit, build_time. Ends with name NULL. */
extern const struct config_key config_common_keys[];

/* Effect: reads all sources. keys end with name NULL (NULL = none) and are, like actor, borrowed.
 * Gives a config for config_free, or NULL with err naming source, key and reason. */
struct config *config_load(const char *actor, const struct config_key *keys, int argc, char **argv, struct err *err);
void config_free(struct config **config);

/* Return: the value; aborts on a key that is not declared or of another kind (a bug). Texts are borrowed from config.
 */
const char *config_text(const struct config *config, const char *key);
int64_t config_integer(const struct config *config, const char *key);
bool config_boolean(const struct config *config, const char *key);
int64_t config_money_cents(const struct config *config, const char *key);

/* Effect: prints every key, its value (secrets as ***) and its source. Return: 0, or -1 when writing failed. */
int config_print(const struct config *config, FILE *out);

/* Return: whether --help, --version, --print-config or --list-keys was asked for (and already answered on stdout). */
bool config_answered(const struct config *config);

#endif
