#include "text.h"

#include <stdint.h>
#include <string.h>

#include "base.h"
#include "ids.h"

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool persona_id_valid(const char *text)
{
    size_t length = strlen(text);
    if (length < 2 || length >= PERSONA_ID_SIZE || !is_lower_or_digit(text[0]))
        return false;
    for (size_t i = 1; i < length; i++)
        if (!is_lower_or_digit(text[i]) && text[i] != '-')
            return false;
    return true;
}

/* Return: the code point at *text (valid UTF-8), which moves past it. */
static uint32_t next_character(const char **text)
{
    const unsigned char *c = (const unsigned char *)*text;
    size_t length = c[0] < 0x80 ? 1 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    uint32_t code = length == 1 ? c[0] : c[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (c[i] == '\0') { /* not UTF-8 after all: never read past the end */
            length = i;
            break;
        }
        code = code << 6 | (c[i] & 0x3F);
    }
    *text += length;
    return code;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

static bool is_space(uint32_t code)
{
    return code == ' ' || (code >= 0x09 && code <= 0x0D) || code == 0x85 || code == 0xA0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
           code == 0x3000;
}

bool persona_name_clean(const char *text, char name[static PERSONA_NAME_SIZE])
{
    const char *start = NULL, *end = NULL;
    size_t characters = 0, inner = 0; /* up to the last that is no space; since the first */
    for (const char *at = text; *at != '\0';) {
        const char *here = at;
        uint32_t code = next_character(&at);
        bool space = is_space(code);
        if (space && !start)
            continue;
        if (!start)
            start = here;
        inner++;
        if (!space) {
            end = at;
            characters = inner;
        }
    }
    if (!start || characters > PERSONA_NAME_MAX)
        return false;
    for (const char *at = start; at < end;)
        if (is_control(next_character(&at)))
            return false;
    memcpy(name, start, (size_t)(end - start));
    name[end - start] = '\0';
    return true;
}

bool persona_bio_clean(const char *text, char bio[static PERSONA_BIO_SIZE])
{
    size_t characters = 0;
    for (const char *at = text; *at != '\0'; characters++) {
        uint32_t code = next_character(&at);
        if (characters == PERSONA_BIO_MAX || (is_control(code) && code != '\t' && code != '\n' && code != '\r'))
            return false;
    }
    return tb_copy_text(bio, PERSONA_BIO_SIZE, text);
}

/* Latin-1 Supplement and Latin Extended-A, U+00C0 … U+017F, in lower-case ASCII; "" = none. */
static const char *const latin[] = {
    "a", "a", "a",  "a",  "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",  /* 00C0 */
    "d", "n", "o",  "o",  "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "ss", /* 00D0 */
    "a", "a", "a",  "a",  "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",  /* 00E0 */
    "d", "n", "o",  "o",  "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "y",  /* 00F0 */
    "a", "a", "a",  "a",  "a", "a", "c",  "c", "c", "c", "c", "c", "c", "c", "d",  "d",  /* 0100 */
    "d", "d", "e",  "e",  "e", "e", "e",  "e", "e", "e", "e", "e", "g", "g", "g",  "g",  /* 0110 */
    "g", "g", "g",  "g",  "h", "h", "h",  "h", "i", "i", "i", "i", "i", "i", "i",  "i",  /* 0120 */
    "i", "i", "ij", "ij", "j", "j", "k",  "k", "k", "l", "l", "l", "l", "l", "l",  "l",  /* 0130 */
    "l", "l", "l",  "n",  "n", "n", "n",  "n", "n", "n", "n", "n", "o", "o", "o",  "o",  /* 0140 */
    "o", "o", "oe", "oe", "r", "r", "r",  "r", "r", "r", "s", "s", "s", "s", "s",  "s",  /* 0150 */
    "s", "s", "t",  "t",  "t", "t", "t",  "t", "u", "u", "u", "u", "u", "u", "u",  "u",  /* 0160 */
    "u", "u", "u",  "u",  "w", "w", "y",  "y", "y", "z", "z", "z", "z", "z", "z",  "s",  /* 0170 */
};
_Static_assert(TB_ARRAY_SIZE(latin) == 0x180 - 0xC0, "one entry per code point");

/* Effect: writes one character's ASCII letters to ascii. Return: them, "" = it separates words; NULL: it is dropped
 * without a trace. */
static const char *transliterate(uint32_t code, char ascii[static 2])
{
    ascii[0] = ascii[1] = '\0';
    if (code >= 'A' && code <= 'Z')
        ascii[0] = (char)(code - 'A' + 'a');
    else if (code < 0x80 && is_lower_or_digit((char)code))
        ascii[0] = (char)code;
    else if (code >= 0xC0 && code < 0x180)
        return latin[code - 0xC0];
    else if (code == '\'' || code == 0x2019 || (code >= 0x300 && code < 0x370))
        return NULL; /* an apostrophe joins, a combining accent belongs to the letter before */
    return ascii;
}

void persona_slug(const char *name, char id[static PERSONA_ID_SIZE])
{
    size_t length = 0;
    bool gap = false;
    const char *at = name;
    while (*at != '\0') {
        char ascii[2];
        const char *letters = transliterate(next_character(&at), ascii);
        if (!letters)
            continue;
        if (letters[0] == '\0') {
            gap = length > 0;
            continue;
        }
        size_t needed = strlen(letters) + (gap ? 1 : 0);
        if (length + needed >= PERSONA_ID_SIZE)
            break;
        if (gap)
            id[length++] = '-';
        gap = false;
        memcpy(id + length, letters, strlen(letters));
        length += strlen(letters);
    }
    id[length] = '\0';
    if (length < 2) {
        uint64_t hash = ids_hash(IDS_HASH_START, name, strlen(name));
        uint8_t bytes[4] = {(uint8_t)(hash >> 24), (uint8_t)(hash >> 16), (uint8_t)(hash >> 8), (uint8_t)hash};
        memcpy(id, "persona-", 8);
        ids_hex(bytes, sizeof bytes, id + 8);
    }
}
