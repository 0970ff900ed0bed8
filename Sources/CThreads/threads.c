#define _GNU_SOURCE
#include "CThreads.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>

int buildsrs_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int buildsrs_set_thread_name(pthread_t thread, const char *name) {
    return pthread_setname_np(thread, name);
}

int buildsrs_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }
