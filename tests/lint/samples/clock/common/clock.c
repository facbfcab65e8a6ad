int f(void)
{
    return clock_gettime(0, 0);
}
