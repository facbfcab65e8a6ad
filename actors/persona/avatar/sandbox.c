#include "sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static int set_limits(struct err *err)
{
    const struct {
        int which;
        rlim_t most;
    } limits[] = {{RLIMIT_CPU, SANITIZED ? SANDBOX_CPU_S * 10 : SANDBOX_CPU_S},
                  {RLIMIT_AS, SANITIZED ? RLIM_INFINITY : (rlim_t)SANDBOX_MEMORY_MIB << 20},
                  {RLIMIT_NOFILE, 0},
                  {RLIMIT_NPROC, 0},
                  {RLIMIT_FSIZE, 0},
                  {RLIMIT_CORE, 0},
                  {RLIMIT_MEMLOCK, 0}};
    for (size_t i = 0; i < TB_ARRAY_SIZE(limits); i++) {
        struct rlimit now, limit = {limits[i].most, limits[i].most};
        if (limits[i].which == RLIMIT_CPU)
            limit.rlim_max++; /* so that it ends by SIGXCPU, which tells why */
        if (getrlimit((__rlimit_resource_t)limits[i].which, &now) < 0)
            return err_set(err, "getrlimit: %s", strerror(errno));
        if (limit.rlim_max > now.rlim_max) /* somebody allows even less */
            limit = (struct rlimit){now.rlim_max, now.rlim_max};
        if (setrlimit((__rlimit_resource_t)limits[i].which, &limit) < 0)
            return err_set(err, "setrlimit: %s", strerror(errno));
    }
    return 0;
}

/* Effect: gives away what a process may have got from its parent. */
static int give_up_rights(struct err *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_set(err, "prctl: %s", strerror(errno));
    if (syscall(SYS_capset, &header, none) < 0)
        return err_set(err, "capset: %s", strerror(errno));
    if (close_range(3, ~0U, 0) < 0)
        return err_set(err, "close_range: %s", strerror(errno));
    return 0;
}

/* Effect: the rules: only what malloc, read and write need. Return: 0, or a negative errno. */
static int add_rules(scmp_filter_ctx filter)
{
    static const int free_of_limits[] = {SCMP_SYS(brk),     SCMP_SYS(munmap),     SCMP_SYS(mremap),
                                         SCMP_SYS(madvise), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn)};
    int result = 0;
    for (size_t i = 0; result == 0 && i < TB_ARRAY_SIZE(free_of_limits); i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, free_of_limits[i], 0);
    if (result == 0 && SANITIZED) /* AddressSanitizer asks where the stack is when a function does not return */
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sigaltstack), 0);
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, SCMP_A0(SCMP_CMP_EQ, STDIN_FILENO));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO));
    if (result == 0) /* memory, never code, never a file */
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                                  SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    return result;
}

static int set_filter(struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return err_set(err, "seccomp_init failed");
    int result = add_rules(filter);
    if (result == 0)
        result = seccomp_load(filter);
    if (result == 0)
        return 0; /* the context stays allocated: freeing it is not worth a thought any more */
    seccomp_release(filter);
    return err_set(err, "seccomp: %s", strerror(-result));
}

int sandbox_enter(struct err *err)
{
    if (give_up_rights(err) < 0 || set_limits(err) < 0)
        return -1;
    return set_filter(err);
}
