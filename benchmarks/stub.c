/* The stub server of the benchmarks: one thread, epoll, nothing allocated per request.
 *
 * It must cost so little that whatever is measured is the client. `benchmarks/server.py` compiles and starts it, reads
 * the port from its first line of output, and reports its share of a core. The path says what to answer:
 *
 *   /chat-D/...         a chat completion, D milliseconds after the request
 *   /stream-N-I-P/...   N text chunks, I milliseconds apart (0: at once), each event in P writes cut at odd bytes
 *   /idle/...           a stream that stops after its first chunk and stays open
 *
 * Usage: stub [WORKERS]: that many processes share the port (SO_REUSEPORT).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 65536
#define IN_SIZE 65536
#define NEVER INT64_MAX

static const char CHAT_BODY[] =
    "{\"id\":\"chatcmpl-CeWq2fXkz0aVbTnYp3LsRmJd\",\"object\":\"chat.completion\",\"created\":1763800000,"
    "\"model\":\"gpt-4.1-mini-2025-04-14\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
    "\"The sky is blue because air scatters short waves of sunlight more than long ones.\",\"refusal\":null},"
    "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":17,"
    "\"total_tokens\":31},\"system_fingerprint\":\"fp_3f58d112f7\"}";
static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n"
    "x-request-id: 5f0c5d0e-9a49-4c53-9f0e-2f8f6f1c2a11\r\nx-ratelimit-remaining-requests: 19999\r\n\r\n";
static const char EVENT[] =
    "data: {\"id\":\"chatcmpl-CeWq2fXkz0aVbTnYp3LsRmJd\",\"object\":\"chat.completion.chunk\",\"created\":1763800000,"
    "\"model\":\"gpt-4.1-mini-2025-04-14\",\"system_fingerprint\":\"fp_3f58d112f7\",\"choices\":[{\"index\":0,"
    "\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}],\"usage\":%s}\n\n";
static const char USAGE[] = "{\"prompt_tokens\":14,\"completion_tokens\":64,\"total_tokens\":78}";

struct text {
    char bytes[1024];
    int length;
};

static struct text chat_answer, first_event, word_events[16], last_event;

struct connection {
    int fd, in_length, chunks, sent_chunks, interval, pieces, piece, offset, streaming, writable;
    int64_t due; /* milliseconds; NEVER while nothing is timed */
    char *in;    /* what has arrived of the next request; allocated once per descriptor */
};

static struct connection connections[MAX_FD];
static int timed[MAX_FD], timed_count, poller;

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* One event as one HTTP chunk. */
static void make_event(struct text *out, const char *delta, const char *finish, const char *usage, const char *tail) {
    char event[900];
    int length = snprintf(event, sizeof event, EVENT, delta, finish, usage);
    length += snprintf(event + length, sizeof event - length, "%s", tail);
    out->length = snprintf(out->bytes, sizeof out->bytes, "%x\r\n%s\r\n", length, event);
}

static void make_texts(void) {
    char delta[64];
    chat_answer.length = snprintf(chat_answer.bytes, sizeof chat_answer.bytes,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: %zu\r\n"
        "x-request-id: 5f0c5d0e-9a49-4c53-9f0e-2f8f6f1c2a11\r\nx-ratelimit-remaining-requests: 19999\r\n\r\n%s",
        sizeof CHAT_BODY - 1, CHAT_BODY);
    make_event(&first_event, "\"role\":\"assistant\",\"content\":\"\"", "null", "null", "");
    for (int i = 0; i < 16; i++) {
        snprintf(delta, sizeof delta, "\"content\":\" word%d\"", i);
        make_event(&word_events[i], delta, "null", "null", "");
    }
    make_event(&last_event, "", "\"stop\"", USAGE, "data: [DONE]\n\n");
    memcpy(last_event.bytes + last_event.length, "0\r\n\r\n", 5);
    last_event.length += 5;
}

static void drop(struct connection *c) {
    close(c->fd); /* epoll forgets it; its entry in `timed`, if any, is skipped by its due time */
    c->streaming = c->in_length = 0;
    c->due = NEVER;
}

static void watch(struct connection *c, int writable) {
    struct epoll_event e = {.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.fd = c->fd};
    if (c->writable != writable) epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
    c->writable = writable;
}

static void wait_until(struct connection *c, int64_t due) {
    if (c->due == NEVER) timed[timed_count++] = c->fd;
    c->due = due;
}

/* Send one text from c->offset in c->pieces writes. 1: all sent, 0: the socket is full, -1: gone. */
static int send_text(struct connection *c, const struct text *t) {
    while (c->offset < t->length) {
        int step = t->length / c->pieces | 1, rest = t->length - c->offset;
        int want = c->pieces > 1 && rest > step ? step - c->offset % step : rest;
        ssize_t done = send(c->fd, t->bytes + c->offset, want, MSG_NOSIGNAL);
        if (done < 0 && errno == EAGAIN) return 0;
        if (done < 0) return -1;
        c->offset += done;
    }
    c->offset = 0;
    return 1;
}

/* Send what is due of a stream. Chunks count from 0: the role, words, and the end as number `chunks` + 1. */
static void pump(struct connection *c) {
    while (c->streaming) {
        int n = c->sent_chunks;
        const struct text *t = n == 0 ? &first_event : n <= c->chunks ? &word_events[n & 15] : &last_event;
        int sent = send_text(c, t);
        if (sent < 0) { drop(c); return; }
        if (!sent) { watch(c, 1); return; }
        c->sent_chunks++;
        if (n > c->chunks) { c->streaming = 0; break; }
        if (c->interval && n > 0) {
            if (c->interval > 0) wait_until(c, now_ms() + c->interval + (n == 1 ? c->fd % 10 : 0));
            break;
        }
    }
    watch(c, 0);
}

static void answer(struct connection *c, const char *path) {
    int delay = 0;
    c->pieces = 1;
    c->interval = 0;
    c->offset = c->sent_chunks = 0;
    if (sscanf(path, "/stream-%d-%d-%d/", &c->chunks, &c->interval, &c->pieces) == 3 || !strncmp(path, "/idle/", 6)) {
        if (path[1] == 'i') { c->chunks = 2; c->interval = -1; }
        c->streaming = 1;
        if (send(c->fd, STREAM_HEAD, sizeof STREAM_HEAD - 1, MSG_NOSIGNAL) < 0) { drop(c); return; }
        pump(c);
        return;
    }
    sscanf(path, "/chat-%d/", &delay);
    if (delay) wait_until(c, now_ms() + delay);
    else if (send(c->fd, chat_answer.bytes, chat_answer.length, MSG_NOSIGNAL) < 0) drop(c);
}

/* Answer every whole request that has arrived. */
static void requests(struct connection *c) {
    char *end;
    c->in[c->in_length] = 0;
    while (c->in_length && (end = strstr(c->in, "\r\n\r\n"))) {
        char *length = strcasestr(c->in, "\r\ncontent-length:"), *path = strchr(c->in, ' ');
        int whole = end - c->in + 4 + (length && length < end ? atoi(length + 17) : 0);
        if (c->in_length < whole) return;
        if (path) answer(c, path + 1);
        memmove(c->in, c->in + whole, c->in_length = c->in_length > whole ? c->in_length - whole : 0);
        c->in[c->in_length] = 0;
    }
}

static void readable(struct connection *c) {
    ssize_t got = recv(c->fd, c->in + c->in_length, IN_SIZE - 1 - c->in_length, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) { drop(c); return; }
    if (got > 0) { c->in_length += got; requests(c); }
}

static void fire_timers(void) {
    int64_t now = now_ms();
    int kept = 0, count = timed_count;
    timed_count = 0;
    for (int i = 0; i < count; i++) {
        struct connection *c = &connections[timed[i]];
        if (c->due == NEVER) continue;
        if (c->due > now) { timed[kept++] = timed[i]; timed_count = kept; continue; }
        int fd = timed[i];
        c->due = NEVER;
        timed_count = kept;
        if (c->streaming) pump(c);
        else if (send(fd, chat_answer.bytes, chat_answer.length, MSG_NOSIGNAL) < 0) drop(c);
        kept = timed_count; /* pump may have put it back */
    }
    timed_count = kept;
}

static void accept_all(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = &connections[fd];
        if (fd >= MAX_FD) { close(fd); continue; }
        if (!c->in) c->in = malloc(IN_SIZE);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        c->in_length = c->streaming = c->writable = 0;
        c->due = NEVER;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

static int listen_on(struct sockaddr_in *address) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    socklen_t size = sizeof *address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)address, size) || listen(fd, 8192)) { perror("stub"); exit(1); }
    getsockname(fd, (struct sockaddr *)address, &size);
    return fd;
}

int main(int argc, char **argv) {
    int workers = argc > 1 ? atoi(argv[1]) : 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rlimit files;
    struct epoll_event events[256], e = {.events = EPOLLIN};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < MAX_FD ? files.rlim_max : MAX_FD;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = listen_on(&address);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (int i = 1; i < workers; i++)
        if (!fork()) { prctl(PR_SET_PDEATHSIG, SIGTERM); listener = listen_on(&address); break; }
    make_texts();
    poller = epoll_create1(0);
    e.data.fd = listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int count = epoll_wait(poller, events, 256, timed_count ? 1 : -1);
        for (int i = 0; i < count; i++) {
            struct connection *c = &connections[events[i].data.fd];
            if (events[i].data.fd == listener) accept_all(listener);
            else if (events[i].events & EPOLLOUT) pump(c);
            else readable(c);
        }
        if (timed_count) fire_timers();
    }
}
