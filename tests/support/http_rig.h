/* A server on a loopback port, in a thread of its own, for the tests of src/http; and a blocking
 * client. Paths: /hello (ETag "h"), /big (10 MiB), /file (1 MiB from disk), /cold (the same, its
 * pages dropped), /hold (answered when /release is asked for), PUT /echo (length of the body, at
 * most 1 MiB), /peer (who asks, as text; marks its connection), /end (the connection's last), PUT
 * /small (at most 10 bytes), PUT /refuse (401, body unread), PUT /early (403 at the first bytes),
 * PUT /pause (reads on at /release). */
#pragma once
#include "http/server.h"

#include <pthread.h>
#include <stdatomic.h>

#define RIG_BIG (10u << 20)
#define RIG_FILE (1u << 20)

struct rig {
    struct loop *loop;
    struct worker_pool *workers;
    struct http_server *http;
    struct http_limits limits;
    struct answer *hello, *big, *missing, *file, *no_auth, *refused;
    int file_fd;
    uint16_t port;
    pthread_t thread;
    struct loop_io wake, work;
    void (*call)(struct rig *r);
    pthread_mutex_t lock;
    pthread_cond_t called;
    struct request *held[256];
    size_t n_held;
    atomic_uint n_requests, n_done, n_gone, n_aborts, n_bytes, n_drained;
    atomic_uint n_peers_gone; /* of those that asked for /peer */
    atomic_uint abort_kind;
};

struct rig *rig_new(const struct http_limits *limits); /* NULL: defaults */
void rig_free(struct rig *r);
void rig_stop(struct rig *r); /* ends the server before rig_free; answers what is held first */
void rig_call(struct rig *r, void (*call)(struct rig *r)); /* on the loop; waits */

void rig_release(struct rig *r); /* as /release; on the loop */

int rig_connect(const struct rig *r);
void rig_send(int fd, struct str s);
bool rig_try_send(int fd, struct str s); /* false: the peer has closed */
/* Reads until the end, or until `until` is found; the text, NUL-terminated, freed by the caller. */
char *rig_read(int fd, const char *until);
char *rig_ask(const struct rig *r, struct str request); /* connect, send, read to the end */
size_t rig_count(const char *text, const char *needle);
bool rig_wait(atomic_uint *n, unsigned at_least); /* false after 5 s */
