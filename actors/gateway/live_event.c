/* live_event: finds the parts of an envelope that delivery needs. The store writes the members in one order
 * (sql/0008_api_events, event_items), so reading is a walk along it; anything else is refused, not guessed at. */
#include <stdlib.h>
#include <string.h>

#include "ids.h"
#include "live.h"

struct walk {
    const char *at, *end;
};

static bool take_literal(struct walk *walk, const char *literal)
{
    size_t length = strlen(literal);
    if ((size_t)(walk->end - walk->at) < length || memcmp(walk->at, literal, length) != 0)
        return false;
    walk->at += length;
    return true;
}

static bool take_number(struct walk *walk, uint64_t *value)
{
    const char *from = walk->at;
    *value = 0;
    while (walk->at < walk->end && *walk->at >= '0' && *walk->at <= '9' && walk->at - from < 19)
        *value = *value * 10 + (uint64_t)(*walk->at++ - '0');
    return walk->at > from;
}

/* Effect: steps over a string or null. */
static bool take_string(struct walk *walk, const char **text, size_t *length)
{
    *text = NULL;
    *length = 0;
    if (take_literal(walk, "null"))
        return true;
    if (!take_literal(walk, "\""))
        return false;
    *text = walk->at;
    while (walk->at < walk->end && *walk->at != '"')
        walk->at += *walk->at == '\\' ? 2 : 1;
    if (walk->at >= walk->end)
        return false;
    *length = (size_t)(walk->at++ - *text);
    return true;
}

static bool skip_member(struct walk *walk, const char *name)
{
    const char *text;
    size_t length;
    return take_literal(walk, name) && take_string(walk, &text, &length);
}

bool live_event_read(struct live_event *event, char *envelope, size_t length)
{
    struct walk walk = {envelope, envelope + length};
    uint64_t previous;
    const char *type, *time, *user;
    size_t type_length, time_length, user_length;
    *event = (struct live_event){.envelope = envelope, .length = (uint32_t)length};
    if (length > UINT32_MAX || !skip_member(&walk, "{\"stream\":") || !take_literal(&walk, ",\"seq\":") ||
        !take_number(&walk, &event->seq) || !take_literal(&walk, ",\"prevSeq\":"))
        return false;
    event->previous_at = (uint32_t)(walk.at - envelope);
    if (!take_number(&walk, &previous))
        return false;
    event->previous_end = (uint32_t)(walk.at - envelope);
    if (!skip_member(&walk, ",\"eventId\":") || !take_literal(&walk, ",\"type\":") ||
        !take_string(&walk, &type, &type_length) || !skip_member(&walk, ",\"region\":") ||
        !take_literal(&walk, ",\"ts\":") || !take_string(&walk, &time, &time_length) ||
        !skip_member(&walk, ",\"orderId\":") || !take_literal(&walk, ",\"userId\":") ||
        !take_string(&walk, &user, &user_length))
        return false;
    if (type != NULL) {
        event->type_at = (uint32_t)(type - envelope);
        event->type_length = (uint32_t)type_length;
    }
    if (time != NULL) {
        event->time_at = (uint32_t)(time - envelope);
        event->time_length = (uint32_t)time_length;
    }
    if (user != NULL) {
        event->user_at = (uint32_t)(user - envelope);
        event->user_length = (uint32_t)user_length;
        event->user_hash = ids_hash(IDS_HASH_START, user, user_length) | 1;
    }
    return envelope[length - 1] == '}';
}

void live_event_write(const struct live_event *event, uint64_t previous, struct text *text)
{
    text_append(text, event->envelope, event->previous_at);
    text_append_uint(text, previous);
    text_append(text, event->envelope + event->previous_end, event->length - event->previous_end);
}

/* --- a whole answer --- */

bool live_batch_open(struct live_batch *batch, char *body, size_t length)
{
    struct walk walk = {body, body + length};
    for (char *c = body; (c = memchr(c, '\n', length - (size_t)(c - body))) != NULL;)
        *c = ' '; /* between JSON's tokens: inside of a string it could not stand */
    if (!take_literal(&walk, "{\"items\":["))
        return false;
    batch->at = body + (walk.at - body);
    char *last_bracket = memrchr(body, ']', length);
    if (last_bracket == NULL || last_bracket < batch->at)
        return false;
    batch->end = last_bracket;
    walk.at = last_bracket;
    return take_literal(&walk, "],\"nextAfterSeq\":") && take_number(&walk, &batch->next_after) &&
           take_literal(&walk, ",\"lastSeq\":") && take_number(&walk, &batch->last) && take_literal(&walk, "}") &&
           walk.at == walk.end;
}

/* Return: one past the object's last brace; NULL when it does not end. */
static char *end_of_object(char *at, const char *end)
{
    int depth = 0;
    bool in_string = false;
    for (; at < end; at++) {
        if (in_string) {
            if (*at == '\\')
                at++;
            else if (*at == '"')
                in_string = false;
        } else if (*at == '"') {
            in_string = true;
        } else if (*at == '{') {
            depth++;
        } else if (*at == '}' && --depth == 0) {
            return at + 1;
        }
    }
    return NULL;
}

int live_batch_next(struct live_batch *batch, struct live_event *event)
{
    if (batch->at == batch->end)
        return 0;
    char *end = end_of_object(batch->at, batch->end);
    if (*batch->at != '{' || end == NULL || !live_event_read(event, batch->at, (size_t)(end - batch->at)))
        return -1;
    batch->at = end;
    if (batch->at < batch->end && *batch->at++ != ',')
        return -1;
    return 1;
}
