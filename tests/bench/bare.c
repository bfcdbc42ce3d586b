// SPDX-License-Identifier: LGPL-2.1-or-later
// The smallest client there can be: sends ready-made messages and counts the signals that tell an end. It knows
// nothing of what it sends, so that what it costs is the bus and whoever answers.
//
//     bare SOCKET FILE OUTSTANDING ENDS job PREFIX     ends are JobRemoved of units whose name has the prefix
//     bare SOCKET FILE OUTSTANDING ENDS task           ends are BatchComplete and BatchFailed
//
// FILE: for each message its length and that of a path (u32 each), the message, the path. The file at the path, if
// any, goes with it open for appending. A message whose answer is an error ends the client; one whose BatchSubmit was
// rejected is sent again after the next end. Out: a line with the time (CLOCK_REALTIME, ns) of every first sending,
// then the seconds from the first sending to the last end, the rejections, and the ends that were failures.
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CALL = 1, REPLY = 2, ERROR = 3, SIGNAL = 4, FIRST_SERIAL = 10 };

struct message { char *data, *path; uint32_t size; uint64_t sent; };

static int bus;
static char in[1 << 20];
static size_t have;

static uint64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void send_all(const char *data, size_t size, int fd) {
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {(void *) data, size};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        head.msg_control = control;
        head.msg_controllen = sizeof control;
        struct cmsghdr *passed = CMSG_FIRSTHDR(&head);
        *passed = (struct cmsghdr) {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(passed), &fd, sizeof fd);
    }
    while (part.iov_len > 0) {
        ssize_t taken = sendmsg(bus, &head, 0);
        if (taken < 0) err(1, "sendmsg");
        part.iov_base = (char *) part.iov_base + taken;
        part.iov_len -= taken;
        head.msg_control = NULL;
        head.msg_controllen = 0;
    }
}

static void expect(const char *sent, const char *answer) {
    char line[512];
    size_t length = 0;
    send_all(sent, strlen(sent), -1);
    while (length < sizeof line - 1 && (length < 2 || line[length - 1] != '\n'))
        if (read(bus, line + length++, 1) != 1) err(1, "the bus hung up");
    if (strncmp(line, answer, strlen(answer))) errx(1, "the bus does not say %s", answer);
}

static void log_in(const char *address) {
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    char uid[32], hex[64] = "", line[128];
    strncpy(place.sun_path, address, sizeof place.sun_path - 1);
    bus = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(bus, (struct sockaddr *) &place, sizeof place)) err(1, "%s", address);
    send_all("", 1, -1);
    snprintf(uid, sizeof uid, "%u", getuid());
    for (char *digit = uid; *digit; digit++) sprintf(hex + strlen(hex), "%02x", *digit);
    snprintf(line, sizeof line, "AUTH EXTERNAL %s\r\n", hex);
    expect(line, "OK");
    expect("NEGOTIATE_UNIX_FD\r\n", "AGREE_UNIX_FD");
    send_all("BEGIN\r\n", 7, -1);
}

static uint32_t number(const char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

// The next whole message; everything here speaks little-endian. Stays valid until the next call.
static char *receive(size_t *size) {
    static size_t used;
    memmove(in, in + used, have - used);
    have -= used;
    used = 0;
    for (;;) {
        if (have >= 16) {
            size_t whole = 16 + ((number(in + 12) + 7) & ~7u) + number(in + 4);
            if (whole > sizeof in) errx(1, "a message of %zu bytes", whole);
            if (have >= whole) return *size = used = whole, in;
        }
        ssize_t got = read(bus, in + have, sizeof in - have);
        if (got <= 0) err(1, "the bus hung up");
        have += got;
    }
}

static const char *body(const char *message) { return message + 16 + ((number(message + 12) + 7) & ~7u); }

static int has(const char *message, const char *member) {
    return memmem(message, body(message) - message, member, strlen(member) + 1) != NULL;
}

// The serial that a reply answers: header field 5.
static uint32_t answered(const char *message) {
    const char *end = message + 16 + number(message + 12);
    for (const char *at = message + 16; at + 8 <= end; at += 4)  // Its value is aligned to 4 after "\5\1u\0".
        if (!memcmp(at, "\5\1u", 4)) return number(at + 4);
    return 0;
}

static struct message *load(const char *path, size_t *count) {
    FILE *file = fopen(path, "rb");
    struct message *all = NULL;
    uint32_t sizes[2];
    if (!file) err(1, "%s", path);
    for (*count = 0; fread(sizes, sizeof sizes, 1, file); ++*count) {
        all = realloc(all, (*count + 1) * sizeof *all);
        struct message *each = all + *count;
        *each = (struct message) {malloc(sizes[0]), calloc(sizes[1] + 1, 1), sizes[0], 0};
        if (fread(each->data, 1, sizes[0], file) != sizes[0] || fread(each->path, 1, sizes[1], file) != sizes[1])
            errx(1, "%s is cut off", path);
    }
    fclose(file);
    return all;
}

static void send_message(struct message *each) {
    int fd = -1;
    if (*each->path && (fd = open(each->path, O_WRONLY | O_APPEND | O_CLOEXEC)) < 0) err(1, "%s", each->path);
    if (!each->sent) each->sent = now(CLOCK_REALTIME);
    send_all(each->data, each->size, fd);
    if (fd >= 0) close(fd);
}

// 1: an end, 2: one that is a failure.
static int is_end(const char *message, const char *prefix) {
    if (message[1] != SIGNAL) return 0;
    if (!prefix) return has(message, "BatchComplete") ? 1 : has(message, "BatchFailed") ? 2 : 0;
    if (!has(message, "JobRemoved")) return 0;
    const char *job = body(message) + 4, *unit = job + 4 + ((number(job) + 1 + 3) & ~3u);
    const char *result = unit + 4 + ((number(unit) + 1 + 3) & ~3u);
    if (strncmp(unit + 4, prefix, strlen(prefix))) return 0;
    return strcmp(result + 4, "done") ? 2 : 1;
}

int main(int argc, char **argv) {
    if (argc < 6) errx(64, "usage: bare SOCKET FILE OUTSTANDING ENDS job PREFIX | task");
    size_t count, size, next = 0, waiting = 0, outstanding = 0, most = atol(argv[3]), wanted = atol(argv[4]);
    struct message *all = load(argv[2], &count);
    size_t *again = calloc(count + 1, sizeof *again);
    size_t ends = 0, failures = 0, rejections = 0;
    const char *prefix = argc > 6 ? argv[6] : NULL;
    log_in(argv[1]);
    // The first two messages are Hello and AddMatch, and are not measured.
    for (int i = 0; i < 2; i++) {
        send_message(all + next++);
        while (receive(&size)[1] == SIGNAL);
    }
    uint64_t began = now(CLOCK_MONOTONIC);
    while (ends < wanted) {
        while (outstanding < most && (waiting || next < count)) {
            send_message(all + (waiting ? again[--waiting] : next++));
            outstanding++;
        }
        char *message = receive(&size);
        if (message[1] == ERROR) errx(1, "refused: %.300s", body(message) + 4);
        // a(asas): an answer whose first list of ids is empty.
        if (message[1] == REPLY && !prefix && number(body(message)) > 0 && has(message, "a(asas)")
            && number(body(message) + 8) == 0) {
            again[waiting++] = answered(message) - FIRST_SERIAL;
            rejections++;
            outstanding--;
            if (!outstanding) errx(1, "rejected, and nothing runs that could make room");
        }
        int end = is_end(message, prefix);
        ends += end > 0;
        failures += end == 2;
        outstanding -= end > 0 && outstanding > 0;
    }
    uint64_t lasted = now(CLOCK_MONOTONIC) - began;
    for (size_t i = 2; i < count; i++) printf("%llu\n", (unsigned long long) all[i].sent);
    printf("%.6f %zu %zu\n", lasted / 1e9, rejections, failures);
    return 0;
}
