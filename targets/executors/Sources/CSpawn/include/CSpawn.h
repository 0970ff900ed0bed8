#pragma once
#include <sys/types.h>

// posix_spawn(3) and pipe2(2) with what glibc has beyond POSIX, which Swift does not see.

/// Starts a program with standard input from /dev/null, the three given descriptors as 1, 2 and 3, and
/// nothing above; in a session of its own, with no signal blocked or ignored.
/// Answers 0 or a number of errno.
int csp_spawn(pid_t *pid, char *const arguments[], char *const variables[], const int outputs[3]);

/// Makes a pipe whose ends no program inherits. Answers 0 or a number of errno.
int csp_pipe(int ends[2]);
