/* Prices and times from their source text: what is taken means what it says, and says it again when it is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fuzz.h"
#include "money.h"
#include "time_in.h"

static void try_price(const char *text, size_t length)
{
    struct money price = money_cents(-77), again;
    char out[MONEY_TEXT_MAX];
    if (money_parse_price(text, length, &price) != MONEY_OK) {
        fuzz_must(price.cents == -77);
        return;
    }
    fuzz_must(price.cents >= 0 && length > 0);
    (void)money_format(price, out);
    fuzz_must(money_parse_price(out, strlen(out), &again) == MONEY_OK && again.cents == price.cents);
    /* What is written is what was read, with its decimals filled up. */
    const char *point = memchr(text, '.', length);
    fuzz_must(memcmp(out, text, length) == 0);
    fuzz_must(strcmp(out + length, point == NULL ? ".00" : point == text + length - 2 ? "0" : "") == 0);
    again = money_cents(-77);
    fuzz_must(money_times(price, 1000000, &again) == (price.cents <= INT64_MAX / 1000000));
    fuzz_must(again.cents == (price.cents <= INT64_MAX / 1000000 ? price.cents * 1000000 : -77));
    fuzz_must(money_average(price, 1).cents == price.cents);
}

static void try_time(const char *text)
{
    int64_t us = -77, again = 0;
    char out[CLOCK_TEXT_MAX];
    if (!time_in_parse(text, &us))
        return;
    (void)clock_format(us, out);
    fuzz_must(us >= -86400 * 1000000LL); /* the offset may reach back over 1970 */
    if (us >= 0 && strlen(out) == 24) {
        fuzz_must(time_in_parse(out, &again));
        fuzz_must(again == us - us % 1000);
    }
    if (text[strlen(text) - 1] == 'Z')
        fuzz_must(strncmp(text, out, 19) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = fuzz_copy(data, size), *text = fuzz_text(data, size);
    try_price(bytes, size);
    try_time(text);
    free(bytes);
    free(text);
    return 0;
}
