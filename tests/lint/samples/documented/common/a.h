/* a: a header. */
#ifndef A_H
#define A_H

int a_bare(void);

/* Effect: none. */
int a_said(int x,
           int y);
int a_beside(void);

const char *a_bare_too(const char *text, int n);

#endif
