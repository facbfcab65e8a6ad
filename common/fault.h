/* fault: named points at which a test can make this process die or pause. TB_FAULT="sequencer.before_commit:kill:3"
 * arms one: at its third passage the process kills itself with SIGKILL ("pause:3:500" sleeps 500 ms instead). Compiled
 * out with -DTB_FAULT_POINTS=OFF. */
#ifndef TB_FAULT_H
#define TB_FAULT_H

#ifdef TB_FAULT_POINTS
/* Effect: reads TB_FAULT once. Return: 0, or -1 with a message on stderr when it is not understood. */
int fault_init(void);
/* Effect: arms "<point>:kill:<passage>" or "<point>:pause:<passage>:<ms>" in place of the one armed before; passages
 * are counted from here. Return: 0, or -1 when it is not understood (nothing changes). */
int fault_arm(const char *text);
/* Effect: counts the passage; dies or pauses if this is the armed one. */
void fault_point(const char *name);
#else
static inline int fault_init(void)
{
    return 0;
}
static inline int fault_arm(const char *text)
{
    (void)text;
    return -1;
}
static inline void fault_point(const char *name)
{
    (void)name;
}
#endif

#endif
