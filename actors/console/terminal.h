/* terminal: a screen of our own on standard output while something is shown, and the keys that are pressed. It is given
 * back however the program ends, but for kill -9. Threading: one thread, one terminal per process.
 *
 *   if (terminal_is_there()) terminal_open();
 *   terminal_size(&width, &height);  terminal_show(bytes, length);
 *   terminal_close(); */
#ifndef TB_CONSOLE_TERMINAL_H
#define TB_CONSOLE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Return: whether standard output is a terminal that knows control codes. */
bool terminal_is_there(void);
/* Return: whether colors are wanted there (NO_COLOR is not set). */
bool terminal_has_color(void);
/* Effect: takes the screen and has keys come one by one, unseen. */
void terminal_open(void);
/* Effect: gives it back as it was; nothing when it was not taken. */
void terminal_close(void);
/* Effect: how large it is now; 80 by 24 when it does not say. */
void terminal_size(int *width, int *height);
/* Effect: shows a page in place of the last one. Return: false when the terminal is gone. */
bool terminal_show(const char *bytes, size_t length);
/* Return: the next key that was pressed, 0 when there is none, -1 when there will be none any more. */
int terminal_key(void);

#endif
