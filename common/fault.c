#include "fault.h"

#ifdef TB_FAULT_POINTS

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base.h"

enum { FAULT_NAME_MAX = 64, FAULT_PAUSE_MAX_MS = 600000 };

static struct {
    char name[FAULT_NAME_MAX]; /* "" = none armed */
    bool kills;
    uint64_t passage; /* at which it strikes, from 1 */
    uint64_t passed;
    uint64_t pause_ms;
} fault;

/* Effect: reads digits up to the next ':' or the end. Return: false when there are none, other characters, or the value
 * is 0 or above maximum. */
static bool fault_number(const char **text, uint64_t maximum, uint64_t *value)
{
    uint64_t sum = 0;
    const char *at = *text;
    for (; *at && *at != ':'; at++) {
        if (*at < '0' || *at > '9')
            return false;
        sum = sum * 10 + (uint64_t)(*at - '0');
        if (sum > maximum)
            return false;
    }
    *text = at;
    *value = sum;
    return sum > 0;
}

static bool fault_parse(const char *text)
{
    size_t length = strcspn(text, ":");
    if (length == 0 || length >= FAULT_NAME_MAX || text[length] != ':')
        return false;
    const char *at = text + length + 1;
    bool kills = strncmp(at, "kill:", 5) == 0;
    if (!kills && strncmp(at, "pause:", 6) != 0)
        return false;
    at += kills ? 5 : 6;
    uint64_t passage, pause_ms = 0;
    if (!fault_number(&at, 1000000000, &passage))
        return false;
    if (!kills && (*at++ != ':' || !fault_number(&at, FAULT_PAUSE_MAX_MS, &pause_ms)))
        return false;
    if (*at)
        return false;
    memcpy(fault.name, text, length);
    fault.name[length] = '\0';
    fault.kills = kills;
    fault.passage = passage;
    fault.pause_ms = pause_ms;
    fault.passed = 0;
    return true;
}

int fault_init(void)
{
    const char *text = getenv("TB_FAULT");
    fault.name[0] = '\0';
    if (!text || !*text || fault_parse(text))
        return 0;
    fprintf(stderr, "TB_FAULT is not <point>:kill:<passage> or <point>:pause:<passage>:<milliseconds>: %s\n", text);
    return -1;
}

int fault_arm(const char *text)
{
    return fault_parse(text) ? 0 : -1;
}

static void fault_pause(void)
{
    struct timespec left = {(time_t)(fault.pause_ms / 1000), (long)(fault.pause_ms % 1000) * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

void fault_point(const char *name)
{
    if (!fault.name[0] || strcmp(fault.name, name) != 0 || ++fault.passed != fault.passage)
        return;
    fprintf(stderr, "fault point %s: %s\n", name, fault.kills ? "kill" : "pause"); /* a test may wait for this line */
    if (!fault.kills) {
        fault_pause();
        return;
    }
    kill(getpid(), SIGKILL);
    abort(); /* not reached */
}

#endif
