/* money: amounts in cents of one currency, as a type of its own so that a price cannot be mistaken for a count. Checked
 * arithmetic: each operation returns false when the result does not fit int64 cents, and then leaves *out alone. */
#ifndef TB_MONEY_H
#define TB_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

#define MONEY_CURRENCY "fl"

struct money {
    int64_t cents;
};

enum { MONEY_TEXT_MAX = 24 }; /* "-92233720368547758.08" and its end */

static inline struct money money_cents(int64_t cents)
{
    return (struct money){cents};
}

/* Effect: computes into out. Return: false, out untouched, when the result does not fit into 64 bits of cents. */
TB_NODISCARD bool money_add(struct money a, struct money b, struct money *out);
TB_NODISCARD bool money_sub(struct money a, struct money b, struct money *out);
TB_NODISCARD bool money_times(struct money price, int64_t quantity, struct money *out);
TB_NODISCARD bool money_negate(struct money a, struct money *out);

/* Return: total / quantity rounded half to even. quantity > 0. */
struct money money_average(struct money total, int64_t quantity);

/* Effect: writes "-1242.00" into text. Return: text. */
const char *money_format(struct money amount, char text[static MONEY_TEXT_MAX]);

enum money_parse_result {
    MONEY_OK,
    MONEY_NOT_PLAIN, /* not digits with an optional point and one or two decimals: sign, exponent, leading zero, empty,
                        … */
    MONEY_TOO_MANY_DECIMALS, /* more than two, whatever they are */
    MONEY_TOO_LARGE,         /* does not fit */
};

/* Effect: reads a price from its source text ("124.2", "124.20", "124"): digits, no sign, no exponent, no leading zeros
 * ("0.5" is fine). Its caller checks the range. Return: MONEY_OK, or what is wrong with *out left alone. */
enum money_parse_result money_parse_price(const char *text, size_t length, struct money *out);

#endif
