// Runs a program under a system call filter, as a container does: filter CALL HOW PROGRAM WORDS...
// HOW is the number of an error, or "ask": then a listener that nobody reads holds the call up.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Newer than the C library's headers: the same numbers everywhere.
static const struct {
    const char *name;
    int number;
} CALLS[] = {
    {"landlock_create_ruleset", 444},
    {"landlock_restrict_self", 446},
    {"seccomp", SYS_seccomp},
    {"prctl", SYS_prctl},
    {"keyctl", SYS_keyctl},
    {"process_vm_readv", SYS_process_vm_readv},
    {"io_uring_setup", SYS_io_uring_setup},
    {"openat2", 437},
    {"clock_settime", SYS_clock_settime},
};

int main(int count, char **words) {
    if (count < 4) return 99;
    int number = -1;
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
        if (!strcmp(CALLS[i].name, words[1])) number = CALLS[i].number;
    if (number < 0) return 99;
    int asks = !strcmp(words[2], "ask");
    unsigned action = asks ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | atoi(words[2]);
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 98;
    int flags = asks ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
    int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (listener < 0) return 97;
    // Without a reader that could come the call would fail instead.
    if (asks) fcntl(listener, F_SETFD, 0);
    execv(words[3], words + 3);
    return 96;
}
