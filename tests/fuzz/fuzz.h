/* fuzz: what the targets share. A target is one file with LLVMFuzzerTestOneInput; linked with libFuzzer it searches
 * (TB_FUZZ=ON), linked with replay.c it goes through its corpus, which is what ctest does. Beyond "no crash" each holds
 * its code to something that must be true of every input: fuzz_must. Threading: one thread. */
#ifndef TB_FUZZ_H
#define TB_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

/* Effect: one input; aborts on a finding. Return: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must be true of every input. */
#define fuzz_must(condition) tb_assert(condition)

/* Gives a copy of exactly size bytes for free(), so that the sanitizer sees a read beyond them. */
void *fuzz_copy(const uint8_t *data, size_t size);
/* Gives the same as a text: ended by 0 at its end and at its first NUL. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Numbers that depend on the input alone, so that a finding can be repeated. */
struct fuzz_random {
    uint64_t state;
};
/* Return: a generator seeded by the input. */
struct fuzz_random fuzz_random_of(const uint8_t *data, size_t size);
/* Return: 0 … below - 1. */
size_t fuzz_random_next(struct fuzz_random *random, size_t below);

#endif
