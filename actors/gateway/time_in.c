#include "time_in.h"

/* Effect: reads exactly `count` digits and moves on. Return: false when they are not there or outside minimum …
 * maximum. */
static bool digits(const char **at, int count, int minimum, int maximum, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *value = *value * 10 + (**at - '0');
    }
    return *value >= minimum && *value <= maximum;
}

static bool sign(const char **at, char expected)
{
    if (**at != expected) {
        return false;
    }
    (*at)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Return: days from 1970-01-01 (Gregorian, the era method: years begin in March so that the leap day comes last). */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* Effect: reads ".123" if it is there. Return: false when a point stands without one to nine digits. */
static bool fraction(const char **at, int64_t *us)
{
    *us = 0;
    if (!sign(at, '.')) {
        return true;
    }
    int64_t unit = 100000;
    int count = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++, count++) {
        *us += (**at - '0') * unit;
        unit /= 10;
    }
    return count >= 1 && count <= 9;
}

static bool offset(const char **at, int *minutes)
{
    *minutes = 0;
    if (sign(at, 'Z')) {
        return true;
    }
    bool east = **at == '+';
    int hour = 0, minute = 0;
    if (!(east || **at == '-')) {
        return false;
    }
    (*at)++;
    if (!digits(at, 2, 0, 23, &hour) || !sign(at, ':') || !digits(at, 2, 0, 59, &minute)) {
        return false;
    }
    *minutes = (east ? 1 : -1) * (hour * 60 + minute);
    return true;
}

bool time_in_parse(const char *text, int64_t *us)
{
    const char *at = text;
    int year, month, day, hour, minute, second, offset_minutes;
    int64_t fraction_us;
    if (!digits(&at, 4, 1970, 9999, &year) || !sign(&at, '-') || !digits(&at, 2, 1, 12, &month) || !sign(&at, '-') ||
        !digits(&at, 2, 1, days_in_month(year, month), &day) || !sign(&at, 'T') || !digits(&at, 2, 0, 23, &hour) ||
        !sign(&at, ':') || !digits(&at, 2, 0, 59, &minute) || !sign(&at, ':') || !digits(&at, 2, 0, 59, &second) ||
        !fraction(&at, &fraction_us) || !offset(&at, &offset_minutes) || *at != '\0') {
        return false;
    }
    int64_t seconds = ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute - offset_minutes) * 60 + second;
    *us = seconds * 1000000 + fraction_us;
    return true;
}
