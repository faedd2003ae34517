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
#define NOWHERE ((void *)1)

// Newer than the C library's headers: the same number everywhere, and F_SETDELEG.
#define FCHMODAT2 452
#define DELEGATION 1040

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

static long call(const char *name) {
#define IS(word) (!strcmp(name, word))
    struct timespec time = {0, -1};
    struct sched_param other = {0};
    if (IS("unshare")) return unshare(CLONE_NEWUSER);
    if (IS("clone")) return clone_user_namespace();
    if (IS("clone3")) return syscall(SYS_clone3, NULL, 0);
    if (IS("setns")) return setns(-1, 0);
    if (IS("chmod")) return chmod("file", 04755);
    if (IS("fchmod")) return fchmod(open("file", O_RDONLY), 02755);
    if (IS("fchmodat")) return syscall(SYS_fchmodat, AT_FDCWD, "file", 06755);
    if (IS("fchmodat2")) return syscall(FCHMODAT2, AT_FDCWD, "file", 04755, 0);
    if (IS("openat")) return openat(AT_FDCWD, "made", O_CREAT | O_WRONLY, 04755) < 0 ? -1 : 0;
    if (IS("creat")) return creat("created", 04755) < 0 ? -1 : 0;
    if (IS("mknodat")) return mknodat(AT_FDCWD, "made-too", S_IFREG | 04755, 0);
    if (IS("io_uring_setup")) return syscall(SYS_io_uring_setup, 1, NULL);
    if (IS("io_uring_enter")) return syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0);
    if (IS("io_uring_register")) return syscall(SYS_io_uring_register, -1, 0, NULL, 0);
    if (IS("add_key")) return syscall(SYS_add_key, NULL, NULL, NULL, 0, 0);
    if (IS("request_key")) return syscall(SYS_request_key, NULL, NULL, NULL, 0);
    if (IS("keyctl")) return syscall(SYS_keyctl, UNKNOWN, 0, 0, 0, 0);
    // For faults of this process only, which everyone may ask for.
    if (IS("userfaultfd")) return syscall(SYS_userfaultfd, 1 | O_CLOEXEC) < 0 ? -1 : 0;
    if (IS("perf_event_open")) return syscall(SYS_perf_event_open, NULL, 0, -1, -1, UNKNOWN);
    if (IS("bpf")) return syscall(SYS_bpf, 0, NULL, UNKNOWN);
    if (IS("lease")) return fcntl(open("file", O_RDONLY), F_SETLEASE, F_RDLCK);
    if (IS("delegation")) return fcntl(open("file", O_RDONLY), DELEGATION, NULL);
    if (IS("sched_setaffinity")) return set_own_affinity();
    if (IS("sched_setscheduler")) return sched_setscheduler(getpid(), SCHED_OTHER, &other);
    if (IS("sched_setparam")) return sched_setparam(getpid(), &other);
    if (IS("sched_setattr")) return syscall(SYS_sched_setattr, getpid(), NULL, 0);
    if (IS("setpriority")) return setpriority(PRIO_PROCESS, getpid(), 0);
    if (IS("ioprio_set")) return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, getpid(), 0);
    if (IS("prlimit")) return set_own_limit();
    // This clock cannot be set by anyone, and the time is none.
    if (IS("clock_settime")) return syscall(SYS_clock_settime, CLOCK_MONOTONIC, &time);
    // No time can be read there.
    if (IS("settimeofday")) return syscall(SYS_settimeofday, NOWHERE, NULL);
    if (IS("adjtimex")) return syscall(SYS_adjtimex, NOWHERE);
    if (IS("clock_adjtime")) return syscall(SYS_clock_adjtime, CLOCK_REALTIME, NOWHERE);
    // Nothing has this key, name or number.
    if (IS("shmget")) return syscall(SYS_shmget, 0x6e6f6e6f, 0, 0);
    if (IS("shmat")) return syscall(SYS_shmat, -1, NULL, 0);
    if (IS("shmctl")) return syscall(SYS_shmctl, -1, 0, NULL);
    if (IS("msgget")) return syscall(SYS_msgget, 0x6e6f6e6f, 0);
    if (IS("msgsnd")) return syscall(SYS_msgsnd, -1, NULL, 0, 0);
    if (IS("msgrcv")) return syscall(SYS_msgrcv, -1, NULL, 0, 0, 0);
    if (IS("msgctl")) return syscall(SYS_msgctl, -1, 0, NULL);
    if (IS("semget")) return syscall(SYS_semget, 0x6e6f6e6f, 0, 0);
    if (IS("semop")) return syscall(SYS_semop, -1, NULL, 0);
    if (IS("semctl")) return syscall(SYS_semctl, -1, 0, 0, 0);
    if (IS("mq_unlink")) return syscall(SYS_mq_unlink, "no-such-queue-of-nonos");
    errno = ENOTSUP;
    return -1;
}

int main(int count, char **words) {
    for (int word = 1; word < count; word++) {
        long result = call(words[word]);
        printf("%s %s\n", words[word], result ? strerrorname_np(errno) : "OK");
    }
}
