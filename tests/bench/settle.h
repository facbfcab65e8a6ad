/* settle: waits until the ledger holds every acknowledged order, asking only for the accounts' versions (the number of
 * their entries): an order of the bench is filled in full, so it makes exactly one entry of its persona.
 *
 *   settle_users(client, &users, &count, &err);             // the personas, before the load
 *   settle_entries(client, users, count, &before, &err);
 *   …load…
 *   settle_wait(client, users, count, before + acknowledged, 60000000, &err); */
#ifndef TB_BENCH_SETTLE_H
#define TB_BENCH_SETTLE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "http_client.h"

/* Gives the user ids of all personas, for settle_free_users. Return: 0, or -1 with err. */
int settle_users(struct http_client *client, char ***users, size_t *count, struct err *err);
void settle_free_users(char ***users, size_t count);

/* Effect: sums the entries of the users' accounts into *entries. Return: 0, or -1 with err. */
int settle_entries(struct http_client *client, char *const *users, size_t count, uint64_t *entries, struct err *err);

/* Effect: asks again and again until there are at least `wanted` entries. Return: 0, or -1 with err when it took longer
 * than patience_us. */
int settle_wait(struct http_client *client, char *const *users, size_t count, uint64_t wanted, int64_t patience_us,
                struct err *err);

#endif
