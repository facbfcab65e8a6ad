#include "money.h"

#include "base.h"

bool money_add(struct money a, struct money b, struct money *out)
{
    int64_t cents;
    if (__builtin_add_overflow(a.cents, b.cents, &cents))
        return false;
    out->cents = cents;
    return true;
}

bool money_sub(struct money a, struct money b, struct money *out)
{
    int64_t cents;
    if (__builtin_sub_overflow(a.cents, b.cents, &cents))
        return false;
    out->cents = cents;
    return true;
}

bool money_times(struct money price, int64_t quantity, struct money *out)
{
    int64_t cents;
    if (__builtin_mul_overflow(price.cents, quantity, &cents))
        return false;
    out->cents = cents;
    return true;
}

bool money_negate(struct money a, struct money *out)
{
    return money_sub(money_cents(0), a, out);
}

struct money money_average(struct money total, int64_t quantity)
{
    tb_assert(quantity > 0);
    int64_t whole = total.cents / quantity; /* towards zero; the rest has total's sign */
    int64_t rest = total.cents % quantity;
    uint64_t twice = 2 * (rest < 0 ? -(uint64_t)rest : (uint64_t)rest); /* < 2^64, for |rest| < quantity */
    bool away = twice > (uint64_t)quantity || (twice == (uint64_t)quantity && whole % 2 != 0);
    if (away)
        whole += total.cents < 0 ? -1 : 1;
    return money_cents(whole);
}

const char *money_format(struct money amount, char text[static MONEY_TEXT_MAX])
{
    uint64_t cents = amount.cents < 0 ? -(uint64_t)amount.cents : (uint64_t)amount.cents;
    char *at = text;
    if (amount.cents < 0)
        *at++ = '-';
    at = tb_put_decimal(at, cents / 100, 1);
    *at++ = '.';
    at = tb_put_decimal(at, cents % 100, 2);
    *at = '\0';
    return text;
}

static bool money_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum money_parse_result money_parse_price(const char *text, size_t length, struct money *out)
{
    size_t whole = 0; /* digits before the point */
    while (whole < length && money_is_digit(text[whole]))
        whole++;
    if (whole == 0 || (whole > 1 && text[0] == '0'))
        return MONEY_NOT_PLAIN;

    size_t decimals = 0;
    if (whole < length) {
        if (text[whole] != '.')
            return MONEY_NOT_PLAIN;
        while (whole + 1 + decimals < length && money_is_digit(text[whole + 1 + decimals]))
            decimals++;
        if (decimals == 0 || whole + 1 + decimals != length)
            return MONEY_NOT_PLAIN;
        if (decimals > 2)
            return MONEY_TOO_MANY_DECIMALS;
    }

    int64_t cents = 0;
    for (size_t i = 0; i < whole + 2; i++) { /* all digits, and zeros for missing decimals */
        size_t at = i < whole ? i : i + 1;
        int digit = i < whole + decimals ? text[at] - '0' : 0;
        if (__builtin_mul_overflow(cents, 10, &cents) || __builtin_add_overflow(cents, digit, &cents))
            return MONEY_TOO_LARGE;
    }
    out->cents = cents;
    return MONEY_OK;
}
