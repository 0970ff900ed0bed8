#pragma once
#include <pthread.h>
#include <spawn.h>
#include <sys/types.h>

/// A non-blocking, close-on-exec event descriptor (eventfd(2)) with count 0, or -1 with errno set.
int buildsrs_eventfd(void);

/// Names a thread for debuggers and `ps -L`; at most 15 bytes are kept (pthread_setname_np(3)).
int buildsrs_set_thread_name(pthread_t thread, const char *name);

/// Asks the kernel to send `signal` to this process when its parent thread dies (prctl(2), PR_SET_PDEATHSIG).
int buildsrs_die_with_parent(int signal);

/// A pipe whose ends are both close-on-exec (pipe2(2)): 0, or -1 with errno set.
int buildsrs_pipe(int ends[2]);

/// The started program begins in `directory` (posix_spawn_file_actions_addchdir_np(3)).
int buildsrs_spawn_in_directory(posix_spawn_file_actions_t *actions, const char *directory);

/// The started program inherits no descriptor but 0, 1 and 2 (posix_spawn_file_actions_addclosefrom_np(3)).
int buildsrs_spawn_closing_others(posix_spawn_file_actions_t *actions);

/// The flag of posix_spawnattr_setflags(3) that gives the started program a session of its own.
short buildsrs_spawn_in_new_session(void);

/// Whether two threads or processes have one table of open files (kcmp(2), KCMP_FILES); 0 also where the kernel
/// does not tell.
int buildsrs_share_open_files(pid_t one, pid_t other);
