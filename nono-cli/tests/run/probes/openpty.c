// Makes a terminal and opens both of its sides.
#define _XOPEN_SOURCE 600
#include <fcntl.h>
#include <stdlib.h>

int main(void) {
    int controller = posix_openpt(O_RDWR | O_NOCTTY);
    if (controller < 0 || grantpt(controller) || unlockpt(controller)) return 1;
    return open(ptsname(controller), O_RDWR | O_NOCTTY) < 0;
}
