#define _GNU_SOURCE
#include "CThreads.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int buildsrs_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int buildsrs_set_thread_name(pthread_t thread, const char *name) {
    return pthread_setname_np(thread, name);
}

int buildsrs_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }

int buildsrs_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int buildsrs_spawn_in_directory(posix_spawn_file_actions_t *actions, const char *directory) {
    return posix_spawn_file_actions_addchdir_np(actions, directory);
}

int buildsrs_spawn_closing_others(posix_spawn_file_actions_t *actions) {
    return posix_spawn_file_actions_addclosefrom_np(actions, 3);
}

short buildsrs_spawn_in_new_session(void) { return POSIX_SPAWN_SETSID; }

int buildsrs_share_open_files(pid_t one, pid_t other) {
    return syscall(SYS_kcmp, one, other, KCMP_FILES, 0, 0) == 0;
}
