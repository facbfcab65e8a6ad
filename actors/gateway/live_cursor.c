/* live_cursor: the opaque cursor of a subscription: base64url of version, streams, per stream its position and how far
 * behind it the last delivered event lies (variable-length numbers), and a checksum that includes the region. */
#include <string.h>

#include "cursor.h"
#include "ids.h"
#include "live.h"

enum { VERSION = 1, CHECK_BYTES = 4, CURSOR_BYTES_MAX = 2 + VIEW_STREAMS * 20 + CHECK_BYTES };

_Static_assert((CURSOR_BYTES_MAX * 8 + 5) / 6 < LIVE_CURSOR_MAX, "a cursor fits its text");

static size_t put_number(unsigned char *to, uint64_t value)
{
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        to[length++] = (unsigned char)(value | 0x80);
    to[length++] = (unsigned char)value;
    return length;
}

/* Return: bytes read, 0 when it is no number in its shortest form. */
static size_t get_number(const unsigned char *from, size_t size, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < size && i < 9; i++) {
        *value |= (uint64_t)(from[i] & 0x7f) << (7 * i);
        if ((from[i] & 0x80) == 0)
            return i > 0 && from[i] == 0 ? 0 : i + 1;
    }
    return 0;
}

static uint32_t checksum(const unsigned char *bytes, size_t size, const char *region)
{
    uint64_t hash = ids_hash(ids_hash(IDS_HASH_START, region, strlen(region)), bytes, size);
    return (uint32_t)(hash ^ hash >> 32);
}

void live_cursor_write(const struct live_subscription *subscription, const char *region,
                       char text[static LIVE_CURSOR_MAX])
{
    unsigned char bytes[CURSOR_BYTES_MAX] = {VERSION, (unsigned char)subscription->streams};
    size_t length = 2;
    for (int stream = 0; stream < VIEW_STREAMS; stream++) {
        if ((subscription->streams & 1U << stream) == 0)
            continue;
        length += put_number(bytes + length, subscription->position[stream]);
        length += put_number(bytes + length, subscription->position[stream] - subscription->previous[stream]);
    }
    uint32_t check = checksum(bytes, length, region);
    for (int i = 0; i < CHECK_BYTES; i++)
        bytes[length++] = (unsigned char)(check >> (8 * i));
    cursor_encode(bytes, length, text);
}

/* Return: whether it is a cursor of ours; its streams are then set in *streams. */
static bool read_cursor(const char *cursor, const char *region, unsigned *streams, uint64_t position[VIEW_STREAMS],
                        uint64_t previous[VIEW_STREAMS])
{
    char text[CURSOR_BYTES_MAX];
    const unsigned char *bytes = (const unsigned char *)text;
    int decoded = strlen(cursor) < LIVE_CURSOR_MAX ? cursor_decode(cursor, text, sizeof text) : -1;
    if (decoded < 2 + CHECK_BYTES || bytes[0] != VERSION || bytes[1] >= 1U << VIEW_STREAMS)
        return false;
    size_t length = (size_t)decoded - CHECK_BYTES, at = 2;
    uint32_t check = checksum(bytes, length, region);
    for (int i = 0; i < CHECK_BYTES; i++) {
        if (bytes[length + (size_t)i] != (unsigned char)(check >> (8 * i)))
            return false;
    }
    *streams = bytes[1];
    for (int stream = 0; stream < VIEW_STREAMS; stream++) {
        uint64_t distance;
        size_t used;
        if ((*streams & 1U << stream) == 0)
            continue;
        if ((used = get_number(bytes + at, length - at, &position[stream])) == 0)
            return false;
        at += used;
        if ((used = get_number(bytes + at, length - at, &distance)) == 0 || distance > position[stream])
            return false;
        at += used;
        previous[stream] = position[stream] - distance;
    }
    return at == length;
}

enum live_resume live_subscription_resume(struct live_subscription *subscription, const char *cursor,
                                          const char *region, const uint64_t heads[static VIEW_STREAMS])
{
    unsigned streams;
    uint64_t position[VIEW_STREAMS], previous[VIEW_STREAMS];
    live_subscription_begin(subscription, heads);
    if (!read_cursor(cursor, region, &streams, position, previous) || (subscription->streams & ~streams) != 0)
        return LIVE_UNKNOWN_CURSOR;
    for (int stream = 0; stream < VIEW_STREAMS; stream++) {
        if ((subscription->streams & 1U << stream) != 0 && position[stream] < heads[stream] &&
            heads[stream] - position[stream] > LIVE_REPLAY_MAX)
            return LIVE_EXPIRED_CURSOR;
    }
    for (int stream = 0; stream < VIEW_STREAMS; stream++) {
        if ((subscription->streams & 1U << stream) == 0)
            continue;
        subscription->position[stream] = position[stream];
        subscription->previous[stream] = previous[stream];
        if (position[stream] > heads[stream])
            subscription->unproven |= 1U << stream;
    }
    return LIVE_RESUMED;
}

const char *live_resume_text(enum live_resume resume)
{
    return resume == LIVE_EXPIRED_CURSOR ? "EXPIRED_CURSOR"
           : resume == LIVE_CURSOR_AHEAD ? "CURSOR_AHEAD"
                                         : "UNKNOWN_CURSOR";
}
