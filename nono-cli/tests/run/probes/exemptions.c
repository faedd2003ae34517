// Makes the calls that the arguments name, one line each: the name, and OK or the error. None
// changes anything beyond this process and the file in the working directory.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A flag that no version of these calls knows, so that they get no further than looking at it.
#define UNKNOWN (1UL << 30)

static long clone_user_namespace(void) {
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    return child < 0 ? -1 : waitpid(child, NULL, 0) != child;
}

static long set_own_affinity(void) {
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus)) return -1;
    return sched_setaffinity(gettid(), sizeof cpus, &cpus);
}

static long set_own_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit)) return -1;
    return prlimit(getpid(), RLIMIT_CORE, &limit, NULL);
}

static long lease(int command) {
    int file = open("file", O_RDONLY);
    return file < 0 ? -1 : fcntl(file, command, F_RDLCK);
}

static long call(const char *name) {
#define IS(word) (!strcmp(name, word))
    struct timespec time = {0, -1};
    if (IS("unshare")) return unshare(CLONE_NEWUSER);
    if (IS("clone")) return clone_user_namespace();
    if (IS("clone3")) return syscall(SYS_clone3, NULL, 0);
    if (IS("setns")) return setns(-1, 0);
    if (IS("chmod")) return chmod("file", 04755);
    if (IS("fchmod")) return fchmod(open("file", O_RDONLY), 02755);
    if (IS("open")) return open("made", O_CREAT | O_WRONLY, 04755) < 0 ? -1 : 0;
    if (IS("mknod")) return mknod("made-too", S_IFREG | 04755, 0);
    if (IS("io_uring_setup")) return syscall(SYS_io_uring_setup, 1, NULL);
    if (IS("add_key")) return syscall(SYS_add_key, NULL, NULL, NULL, 0, 0);
    if (IS("request_key")) return syscall(SYS_request_key, NULL, NULL, NULL, 0);
    if (IS("keyctl")) return syscall(SYS_keyctl, UNKNOWN, 0, 0, 0, 0);
    // For faults of this process only, which everyone may ask for.
    if (IS("userfaultfd")) return syscall(SYS_userfaultfd, 1 | O_CLOEXEC) < 0 ? -1 : 0;
    if (IS("perf_event_open")) return syscall(SYS_perf_event_open, NULL, 0, -1, -1, UNKNOWN);
    if (IS("bpf")) return syscall(SYS_bpf, 0, NULL, UNKNOWN);
    if (IS("lease")) return lease(F_SETLEASE);
    if (IS("sched_setaffinity")) return set_own_affinity();
    if (IS("setpriority")) return setpriority(PRIO_PROCESS, getpid(), 0);
    if (IS("ioprio_set")) return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, getpid(), 0);
    if (IS("prlimit")) return set_own_limit();
    // This clock cannot be set by anyone, and the time is none.
    if (IS("clock_settime")) return syscall(SYS_clock_settime, CLOCK_MONOTONIC, &time);
    errno = ENOTSUP;
    return -1;
}

int main(int count, char **words) {
    for (int word = 1; word < count; word++) {
        long result = call(words[word]);
        printf("%s %s\n", words[word], result ? strerrorname_np(errno) : "OK");
    }
}
