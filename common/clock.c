#include "clock.h"

#include <time.h>

#include "base.h"

static int64_t clock_read_us(clockid_t id)
{
    struct timespec now;
    tb_assert(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    static int64_t latest_us = INT64_MIN;
    int64_t now_us = clock_read_us(CLOCK_REALTIME);
    if (now_us > latest_us)
        latest_us = now_us;
    return latest_us;
}

int64_t clock_monotonic_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}

/* Effect: splits days since 1970-01-01 into a date of the proleptic Gregorian calendar. Counting years from March puts
 * the leap day at the end of the year; 400 years are 146097 days. */
static void clock_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468; /* from 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

const char *clock_format(int64_t us, char text[static CLOCK_TEXT_MAX])
{
    const int64_t day_us = INT64_C(86400) * 1000000;
    int64_t days = us / day_us;
    int64_t rest_us = us % day_us;
    if (rest_us < 0) {
        rest_us += day_us;
        days--;
    }
    int64_t year;
    unsigned month, day;
    clock_civil(days, &year, &month, &day);
    unsigned ms = (unsigned)(rest_us / 1000);
    const struct {
        char before;
        uint64_t value;
        unsigned digits;
    } parts[] = {{'-', month, 2},          {'-', day, 2},      {'T', ms / 3600000, 2}, {':', ms / 60000 % 60, 2},
                 {':', ms / 1000 % 60, 2}, {'.', ms % 1000, 3}};
    char *at = text;
    if (year < 0)
        *at++ = '-';
    at = tb_put_decimal(at, (uint64_t)(year < 0 ? -year : year), year < 0 ? 3 : 4);
    for (size_t i = 0; i < TB_ARRAY_SIZE(parts); i++) {
        *at++ = parts[i].before;
        at = tb_put_decimal(at, parts[i].value, parts[i].digits);
    }
    *at++ = 'Z';
    *at = '\0';
    return text;
}
