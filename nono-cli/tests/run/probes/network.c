// Tries what the arguments name, one line each: the name, and OK or the error of the first step
// that failed. What takes a place has it behind a colon: `tcp4:8080`.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// What is sent to and connected to is the loopback interface and nothing else.
static struct sockaddr_in v4(const char *port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return to;
}

static struct sockaddr_in6 v6(const char *port) {
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(port))};
    to.sin6_addr = in6addr_loopback;
    return to;
}

static int made(int family, int type, int protocol) {
    return socket(family, type | SOCK_CLOEXEC, protocol) < 0;
}

static int connect4(int protocol, const char *port) {
    struct sockaddr_in to = v4(port);
    int s = socket(AF_INET, SOCK_STREAM, protocol);
    return s < 0 || connect(s, (void *)&to, sizeof to);
}

static int connect6(const char *port) {
    struct sockaddr_in6 to = v6(port);
    int s = socket(AF_INET6, SOCK_STREAM, 0);
    return s < 0 || connect(s, (void *)&to, sizeof to);
}

static int send4(int type, int flags, const char *port) {
    struct sockaddr_in to = v4(port);
    int s = socket(AF_INET, type, 0);
    return s < 0 || sendto(s, "x", 1, flags, (void *)&to, sizeof to) != 1;
}

static int send6(const char *port) {
    struct sockaddr_in6 to = v6(port);
    int s = socket(AF_INET6, SOCK_DGRAM, 0);
    return s < 0 || sendto(s, "x", 1, 0, (void *)&to, sizeof to) != 1;
}

static int send_message(const char *port) {
    struct sockaddr_in to = v4(port);
    struct iovec data = {"x", 1};
    struct msghdr message = {&to, sizeof to, &data, 1, NULL, 0, 0};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    return s < 0 || sendmsg(s, &message, MSG_FASTOPEN) != 1;
}

static int send_messages(const char *port) {
    struct sockaddr_in to = v4(port);
    struct iovec data = {"x", 1};
    struct mmsghdr message = {{&to, sizeof to, &data, 1, NULL, 0, 0}, 0};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    return s < 0 || sendmmsg(s, &message, 1, MSG_FASTOPEN) != 1;
}

static int fast_open_connect(void) {
    int on = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    return s < 0 || setsockopt(s, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
}

// A protocol that no kernel has; one that it has, such as SMC, would no longer be TCP.
static int upper_protocol(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    return s < 0 || setsockopt(s, IPPROTO_TCP, TCP_ULP, "none", 4);
}

// An address that nothing else here listens on, so that every port is free there.
static int take(const char *port, int listens) {
    struct sockaddr_in at = v4(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 76);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    return s < 0 || bind(s, (void *)&at, sizeof at) || (listens && listen(s, 1));
}

static int bare_listen(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    return s < 0 || listen(s, 1);
}

static int local(int type, int abstract, const char *name) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path + abstract, name, sizeof to.sun_path - 2);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1;
    int s = socket(AF_UNIX, type, 0);
    return s < 0 || connect(s, (void *)&to, length);
}

static int pair(int type) {
    int ends[2];
    char byte;
    return socketpair(AF_UNIX, type, 0, ends) || write(ends[0], "x", 1) != 1 ||
           read(ends[1], &byte, 1) != 1;
}

// Asks the kernel for all interfaces, or to remove one that does not exist.
static int route(int type, int flags) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } request = {{sizeof request, type, NLM_F_REQUEST | flags, 1, 0},
                 {.ifi_family = AF_UNSPEC, .ifi_index = 0x7ffffff0}};
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[4096];
    } answer;
    int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (s < 0 || send(s, &request, sizeof request, 0) < 0) return 1;
    if (recv(s, &answer, sizeof answer, 0) < 0) return 1;
    if (answer.header.nlmsg_type != NLMSG_ERROR) return 0;
    errno = -answer.error.error;
    return errno != 0;
}

static int attempt(const char *name, const char *at) {
#define IS(word) (!strcmp(name, word))
    if (IS("tcp4")) return connect4(0, at);
    if (IS("tcp6")) return connect6(at);
    if (IS("mptcp")) return connect4(262, at);
    if (IS("sctp")) return made(AF_INET, SOCK_STREAM, 132);
    if (IS("udp4")) return send4(SOCK_DGRAM, 0, at);
    if (IS("udp6")) return send6(at);
    if (IS("fast-open-sendto")) return send4(SOCK_STREAM, MSG_FASTOPEN, at);
    if (IS("fast-open-sendmsg")) return send_message(at);
    if (IS("fast-open-sendmmsg")) return send_messages(at);
    if (IS("upper-protocol")) return upper_protocol();
    if (IS("fast-open-connect")) return fast_open_connect();
    if (IS("bind")) return take(at, 0);
    if (IS("bind-and-listen")) return take(at, 1);
    if (IS("listen")) return bare_listen();
    if (IS("raw4")) return made(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    if (IS("raw6")) return made(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    if (IS("packet")) return made(AF_PACKET, SOCK_RAW, 0);
    if (IS("vsock")) return made(AF_VSOCK, SOCK_STREAM, 0);
    if (IS("kernel-crypto")) return made(AF_ALG, SOCK_SEQPACKET, 0);
    if (IS("netlink-uevent")) return made(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
    if (IS("netlink-audit")) return made(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    if (IS("netlink-netfilter")) return made(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    if (IS("netlink-generic")) return made(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
    if (IS("route-read")) return route(RTM_GETLINK, NLM_F_DUMP);
    if (IS("route-write")) return route(RTM_DELLINK, NLM_F_ACK);
    if (IS("path")) return local(SOCK_STREAM, 0, at);
    if (IS("abstract")) return local(SOCK_STREAM, 1, at);
    if (IS("pair-stream")) return pair(SOCK_STREAM);
    if (IS("pair-seqpacket")) return pair(SOCK_SEQPACKET);
    if (IS("pair-datagram")) return pair(SOCK_DGRAM);
    errno = ENOTSUP;
    return 1;
}

int main(int count, char **words) {
    for (int word = 1; word < count; word++) {
        char *at = strchr(words[word], ':');
        if (at) *at++ = 0;
        errno = 0;
        int failed = attempt(words[word], at ? at : "");
        printf("%s %s\n", words[word], failed ? strerrorname_np(errno) : "OK");
    }
}
