/* sandbox: what the process that decodes strangers' pictures may still do: read its standard input, write its standard
 * output, take memory, end. The only file that knows libseccomp. Linux alone. */
#ifndef TB_AVATAR_SANDBOX_H
#define TB_AVATAR_SANDBOX_H

#include "base.h"
#include "err.h"

/* What it may use up. Builds with AddressSanitizer have no limit of memory (it needs the address space) and ten times
 * the time. */
enum { SANDBOX_CPU_S = 3, SANDBOX_MEMORY_MIB = 256 };

/* Effect: this process dies with its parent, closes every descriptor from 3 on, has no capabilities, is no longer to be
 * traced, cannot gain rights, open a file, make a process or a core; any system call that is not needed kills it
 * (SIGSYS). There is no way back. Return: 0, or -1 with err; then nothing may be decoded. */
TB_NODISCARD int sandbox_enter(struct err *err);

#endif
