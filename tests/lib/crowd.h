/* crowd: clients that place orders over HTTP all the time and insist: each sends again with its key until it is
 * answered with success, whatever dies meanwhile. What each order does to its persona's cash is known beforehand, so
 * that afterwards nothing may be lost, doubled, left open or wrong by a cent. Several crowds may follow each other on
 * one system. Threading: a thread per client; the functions below belong to one thread.
 *
 *   struct crowd *crowd = crowd_start(port, "az", 6, 4, seed);
 *   …break something…
 *   struct crowd_figures figures = crowd_stop(crowd);
 *   crowd_check(&crowd);                 // asserts */
#ifndef TB_TEST_CROWD_H
#define TB_TEST_CROWD_H

enum { CROWD_MAX = 16 };

struct crowd;

struct crowd_figures {
    long orders;       /* sent, each under a key of its own */
    long acknowledged; /* answered with success */
    long retries;      /* sent again, and why: */
    long refused;      /* … answered 503 */
    long cut;          /* … not answered: refused, cut, nothing within 15 s */
    long unanswered;   /* given up after 60 s */
    long worst_ms;     /* from the first try to success */
    long refused_ms;   /* the longest that one order met with 503 */
};

/* Effect: starts `clients` (at most CROWD_MAX) that wait pace_ms between two orders. name: part of their client ids,
 * unlike that of every other crowd on this system. Aborts the test process when anything but success, 503 or no answer
 * is seen. Gives a crowd for crowd_check. */
struct crowd *crowd_start(int port, const char *name, int clients, long pace_ms, unsigned seed);
/* Return: orders acknowledged so far. */
long crowd_acknowledged(const struct crowd *crowd);
/* Effect: waits until `more` orders are acknowledged from now on, at most 60 s; fails the test else. */
void crowd_wait(const struct crowd *crowd, long more);
/* Effect: no more orders; returns when the last one is answered, and prints the figures. Again: the same figures. */
struct crowd_figures crowd_stop(struct crowd *crowd);
/* Effect: after crowd_stop: asserts that every order was acknowledged, is there once and final, and that each balance
 * is right to the cent. Frees it. */
void crowd_check(struct crowd **crowd);

#endif
