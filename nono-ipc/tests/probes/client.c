/* A client of the supervisor, written from the description of the protocol alone.
 * Asks for argv[1] and argv[2]; prints the answer and, if a descriptor came, what it holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Receives up to `size` bytes, and the descriptor that came with them or -1. */
static ssize_t receive(int fd, void *bytes, size_t size, int *passed) {
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1,
                             .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *first = length < 0 ? NULL : CMSG_FIRSTHDR(&message);
    *passed = -1;
    if (first && first->cmsg_type == SCM_RIGHTS) memcpy(passed, CMSG_DATA(first), sizeof(int));
    return length;
}

/* Knocks at the door: an empty message out, one message with one descriptor back. */
static int connection(void) {
    int stream = -1, door = atoi(getenv("NONO_SUPERVISOR_FD"));
    char version;
    if (send(door, "", 0, MSG_NOSIGNAL) != 0 || receive(door, &version, 1, &stream) != 1) exit(2);
    return stream;
}

static void ask(int stream, int id, const char *path) {
    unsigned char frame[8192];
    int length = snprintf((char *)frame + 4, sizeof frame - 4,
        "{\"Request\":{\"request_id\":\"%d\",\"path\":\"%s\",\"access\":\"Read\",\"reason\":null,"
        "\"child_pid\":%d,\"session_id\":\"\"}}", id, path, (int)getpid());
    frame[0] = frame[1] = 0, frame[2] = length >> 8, frame[3] = length;
    if (send(stream, frame, length + 4, MSG_NOSIGNAL) != length + 4) exit(3);
}

/* Reads one frame; its descriptor comes with its first byte. */
static void answer(int stream) {
    unsigned char frame[4 + 65536 + 1];
    int passed, ignored;
    ssize_t have = receive(stream, frame, 4, &passed);
    while (have > 0 && have < 4) have += receive(stream, frame + have, 4 - have, &ignored);
    size_t length = (frame[0] & 0x7f) << 24 | frame[1] << 16 | frame[2] << 8 | frame[3];
    if (have != 4 || length > 65536 || (frame[0] >> 7) != (passed >= 0)) exit(4);
    for (size_t end = 4; end < 4 + length; end += have)
        if ((have = receive(stream, frame + end, 4 + length - end, &ignored)) <= 0) exit(5);
    frame[4 + length] = 0;
    printf("%s\n", frame + 4);
    char content[256];
    ssize_t size = passed < 0 ? -1 : read(passed, content, sizeof content);
    if (size >= 0) printf("%.*s\n", (int)size, content);
}

int main(int count, char **arguments) {
    int stream = connection();
    for (int id = 1; id < count; id++) ask(stream, id, arguments[id]);
    for (int id = 1; id < count; id++) answer(stream);
    return 0;
}
