int wait_for_ten(void);
int wait_for_ten(void)
{
    int count = 0;
    while (count < 10) {
    }
    return count;
}
