/* atoi( in a comment is no fault */
void f(char *to, const char *from)
{
    strcpy(to, from);
    int n = atoi(from); /* a fault */
    log_info("sprintf(%d)", n); // no fault
    snprintf(to, 3, "%s", from);
}
