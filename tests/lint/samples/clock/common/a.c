int64_t f(void)
{
    return time(NULL) + clock_gettime(0, 0);
}
int g(struct a *a)
{
    return a->time(3) + run_time(4);
}
long h(void)
{
    return gettimeofday(0, 0);
}
