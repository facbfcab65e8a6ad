/* persona/text: what a persona's id, name and bio may look like. Pure. Texts are valid UTF-8 (the codec checked).
 * Characters are code points. */
#ifndef TB_PERSONA_TEXT_H
#define TB_PERSONA_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum {
    PERSONA_ID_SIZE = 41,  /* 2 … 40 characters and the end */
    PERSONA_NAME_MAX = 60, /* characters, after trimming */
    PERSONA_NAME_SIZE = 60 * 4 + 1,
    PERSONA_BIO_MAX = 500, /* characters */
    PERSONA_BIO_SIZE = 500 * 4 + 1,
};

/* Return: whether text is ^[a-z0-9][a-z0-9-]{1,39}$. */
bool persona_id_valid(const char *text);

/* Effect: copies text without leading and trailing white space. Return: false when that is not 1 … 60 characters, or
 * holds a control character. */
bool persona_name_clean(const char *text, char name[static PERSONA_NAME_SIZE]);

/* Effect: copies text. Return: false when it is longer than 500 characters or holds a control character other than tab
 * and line feed. */
bool persona_bio_clean(const char *text, char bio[static PERSONA_BIO_SIZE]);

/* Effect: makes an id of a clean name: lower case, common Latin letters transliterated ("Ærø Müller" -> "aero-muller"),
 * runs of anything else become one '-', trimmed, at most 40 characters. A name that leaves fewer than two (one letter,
 * another script) becomes "persona-<hash>", the same each time, so that a repeated CREATE is recognised. */
void persona_slug(const char *name, char id[static PERSONA_ID_SIZE]);

#endif
