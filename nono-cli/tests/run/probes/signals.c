// Writes a line for each signal that arrives, of those numbered in the arguments.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **numbers) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 1; i < count; i++) sigaddset(&set, atoi(numbers[i]));
    sigprocmask(SIG_BLOCK, &set, NULL);
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    puts("ready");
    for (;;) {
        int number = sigwaitinfo(&set, NULL);
        if (number > 0) printf("%d\n", number);
    }
}
