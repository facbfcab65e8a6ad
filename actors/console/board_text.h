/* board_text: the board as a table for a terminal, or for a file, and as JSON. Pure.
 *
 *   struct page page = {.text = &text, .width = 80, .height = 24, .color = true};
 *   board_text_write(board, &page, now_us); */
#ifndef TB_CONSOLE_BOARD_TEXT_H
#define TB_CONSOLE_BOARD_TEXT_H

#include "board.h"
#include "json_out.h"

struct page {
    struct text *text; /* borrowed */
    int width;         /* lines are cut there; 0 = never */
    int height;        /* so many lines at most, the last one saying how many are missing; 0 = all */
    bool color;        /* with control codes */
    int lines;         /* written so far */
    int missing;
};

enum { SPAN_TEXT_MAX = 16 };
/* Effect: writes a duration in at most five characters: "850us", "3.2ms", "1.5s", "45s", "12m", "3h05", "2d". Return:
 * text. */
const char *span_format(double us, char text[static SPAN_TEXT_MAX]);

/* Effect: appends the table. */
void board_text_write(const struct board *board, struct page *page, int64_t now_us);
/* Effect: appends one line of JSON with everything the table has, and more. */
void board_json_write(const struct board *board, struct text *text, int64_t now_us);

#endif
