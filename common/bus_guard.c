#include "bus_zmq.h" /* first */

#include "bus_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "clock.h"
#include "keys.h"
#include "links.h"
#include "log.h"

enum {
    ZAP_VERSION,
    ZAP_REQUEST_ID,
    ZAP_DOMAIN,
    ZAP_ADDRESS,
    ZAP_ROUTING_ID,
    ZAP_MECHANISM,
    ZAP_KEY,
    ZAP_FRAMES,
    FRAME_MAX = 256,
    KEY_BYTES = 32,
    DOMAIN_MAX = 96,
    LOG_EVERY_US = 1000000,
    ROLES_MAX = 16,
};

struct bus_guarded {
    struct bus_guarded *next;
    struct bus_guard *guard;
    const struct links_row *row; /* NULL = not in the register: nobody is let in */
    char link[DOMAIN_MAX];
    char domain[DOMAIN_MAX + 24]; /* the link's name, made unlike every other socket's */
    uint64_t *refused;
    int64_t logged_us[ROLES_MAX + 1]; /* by role, the last one for strangers */
};

struct bus_guard {
    struct keys *keys;
    char public_key[KEYS_TEXT];
};

/* ZeroMQ asks one handler per process about all its sockets. */
static struct {
    zsock_t *sock;
    void *raw;
    struct loop_io *io;
    int users;
    struct bus_guarded *guarded;
    uint64_t serial;
} zap;

struct zap_frame {
    size_t size;
    char bytes[FRAME_MAX];
};

/* ---- who is let in ---- */

static struct bus_guarded *find_guarded(const struct zap_frame *domain)
{
    for (struct bus_guarded *guarded = zap.guarded; guarded != NULL; guarded = guarded->next)
        if (strcmp(guarded->domain, domain->bytes) == 0)
            return guarded;
    return NULL;
}

static void refuse(struct bus_guarded *guarded, const char *address, const char *role)
{
    int64_t *logged_us = &guarded->logged_us[ROLES_MAX], now = clock_monotonic_us();
    for (size_t i = 0; i < ROLES_MAX && links_roles[i] != NULL; i++)
        if (links_roles[i] == role)
            logged_us = &guarded->logged_us[i];
    ++*guarded->refused;
    if (*logged_us != 0 && now - *logged_us < LOG_EVERY_US)
        return;
    *logged_us = now;
    if (role != NULL)
        log_warning("link %s: connection from %.64s refused: a %s may not connect to it (%llu refused so far)",
                    guarded->link, address, role, (unsigned long long)*guarded->refused);
    else
        log_warning("link %s: connection from %.64s refused: its key is nobody's (%llu refused so far)", guarded->link,
                    address, (unsigned long long)*guarded->refused);
}

/* Return: the role to let in, NULL = nobody. */
static const char *decide(const struct zap_frame frames[ZAP_FRAMES])
{
    struct bus_guarded *guarded = find_guarded(&frames[ZAP_DOMAIN]);
    char key[KEYS_TEXT];
    if (guarded == NULL || strcmp(frames[ZAP_MECHANISM].bytes, "CURVE") != 0 || frames[ZAP_KEY].size != KEY_BYTES ||
        zmq_z85_encode(key, (const uint8_t *)frames[ZAP_KEY].bytes, KEY_BYTES) == NULL)
        return NULL;
    const char *role = keys_role_of(guarded->guard->keys, key);
    if (role != NULL && guarded->row != NULL && links_may_connect(guarded->row, role))
        return role;
    refuse(guarded, frames[ZAP_ADDRESS].bytes, role);
    return NULL;
}

/* ---- ZeroMQ's authentication protocol (RFC 27) ---- */

/* Return: how many frames the request had, more than ZAP_FRAMES included; 0 = none waits. */
static int receive_request(struct zap_frame frames[ZAP_FRAMES])
{
    int count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, zap.raw, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&message);
            return 0;
        }
        size_t size = zmq_msg_size(&message);
        if (count < ZAP_FRAMES && size < FRAME_MAX) {
            frames[count].size = size;
            memcpy(frames[count].bytes, zmq_msg_data(&message), size);
            frames[count].bytes[size] = '\0';
        } else {
            count = ZAP_FRAMES;
        }
        count++;
        more = zmq_msg_more(&message);
        zmq_msg_close(&message);
    }
    return count;
}

static void send_text(const void *bytes, size_t size, int flags)
{
    if (zmq_send(zap.raw, bytes, size, flags | ZMQ_DONTWAIT) < 0)
        log_warning("an answer about a connection was not taken: %s", zmq_strerror(zmq_errno()));
}

/* 300, "try again later", and not 400: a client that is told 400 never tries again, and its key may be let in later. */
static void answer(const struct zap_frame *request_id, const char *role)
{
    send_text("1.0", 3, ZMQ_SNDMORE);
    send_text(request_id->bytes, request_id->size, ZMQ_SNDMORE);
    send_text(role != NULL ? "200" : "300", 3, ZMQ_SNDMORE);
    send_text("", 0, ZMQ_SNDMORE);
    send_text(role != NULL ? role : "", role != NULL ? strlen(role) : 0, ZMQ_SNDMORE);
    send_text("", 0, 0);
}

/* The socket's descriptor is edge-triggered: everything that waits is taken, again after each answer. */
static void on_request(void *arg, int fd, int events)
{
    (void)arg;
    (void)fd;
    (void)events;
    struct zap_frame frames[ZAP_FRAMES];
    int count;
    while ((count = receive_request(frames)) > 0)
        answer(&frames[count > ZAP_REQUEST_ID ? ZAP_REQUEST_ID : 0], count == ZAP_FRAMES ? decide(frames) : NULL);
}

static void start_zap(struct loop *loop)
{
    if (zap.users++ > 0)
        return;
    int fd = -1;
    size_t size = sizeof fd;
    zap.sock = zsock_new(ZMQ_REP);
    tb_assert(zap.sock != NULL);
    zap.raw = zsock_resolve(zap.sock);
    tb_assert(zmq_bind(zap.raw, "inproc://zeromq.zap.01") == 0);
    tb_assert(zmq_getsockopt(zap.raw, ZMQ_FD, &fd, &size) == 0);
    zap.io = loop_io_new(loop, fd, LOOP_READ, on_request, NULL);
    on_request(NULL, fd, 0);
}

static void stop_zap(void)
{
    if (--zap.users > 0)
        return;
    loop_io_free(&zap.io);
    zsock_destroy(&zap.sock);
    zap.raw = NULL;
}

/* ---- keys ---- */

int bus_guard_make_pair(char *public_key, char *secret_key)
{
    return zmq_curve_keypair(public_key, secret_key) == 0 ? 0 : -1;
}

int bus_guard_public_of(const char *secret_key, char *public_key)
{
    return zmq_curve_public(public_key, secret_key) == 0 ? 0 : -1;
}

/* Our own public key has to be known to the others as ours, or nobody would let us in. */
static int check_own(struct bus_guard *guard, struct err *err)
{
    const char *role = keys_role(guard->keys);
    if (bus_guard_public_of(keys_secret(guard->keys), guard->public_key) < 0)
        return err_set(err, "the secret key of %s is none, or ZeroMQ was built without CURVE", role);
    if (keys_public(guard->keys, role, err) == NULL)
        return -1;
    const char *owner = keys_role_of(guard->keys, guard->public_key);
    if (owner == NULL || strcmp(owner, role) != 0)
        return err_set(err, "the public file of %s has not the key that belongs to its secret.key", role);
    return 0;
}

struct bus_guard *bus_guard_new(struct loop *loop, const char *keys_dir, const char *role, struct err *err)
{
    struct bus_guard *guard = tb_alloc_zero(1, sizeof *guard);
    guard->keys = keys_open(keys_dir, role, err);
    if (guard->keys == NULL || check_own(guard, err) < 0) {
        keys_free(&guard->keys);
        free(guard);
        return NULL;
    }
    start_zap(loop); /* before any socket: ZeroMQ lets everybody in while nobody is there to ask */
    return guard;
}

void bus_guard_free(struct bus_guard **guard)
{
    if (*guard == NULL)
        return;
    stop_zap();
    keys_free(&(*guard)->keys);
    free(*guard);
    *guard = NULL;
}

uint64_t bus_guard_generation(struct bus_guard *guard)
{
    return keys_generation(guard->keys);
}

static void set_text(void *raw, int option, const char *text)
{
    int set = zmq_setsockopt(raw, option, text, strlen(text));
    tb_assert(set == 0);
}

static void set_int(void *raw, int option, int value)
{
    int set = zmq_setsockopt(raw, option, &value, sizeof value);
    tb_assert(set == 0);
}

/* Keys are set as bytes: as text libzmq wants their ending zero too. */
static void set_key(void *raw, int option, const char *key)
{
    uint8_t bytes[KEY_BYTES];
    tb_assert(zmq_z85_decode(bytes, key) != NULL);
    int set = zmq_setsockopt(raw, option, bytes, sizeof bytes);
    explicit_bzero(bytes, sizeof bytes);
    tb_assert(set == 0);
}

struct bus_guarded *bus_guard_serve(struct bus_guard *guard, void *raw, const char *link, uint64_t *refused)
{
    struct bus_guarded *guarded = tb_alloc_zero(1, sizeof *guarded);
    *guarded = (struct bus_guarded){.next = zap.guarded, .guard = guard, .row = links_find(link), .refused = refused};
    tb_copy_text(guarded->link, sizeof guarded->link, link);
    snprintf(guarded->domain, sizeof guarded->domain, "%s/%llu", guarded->link, (unsigned long long)++zap.serial);
    zap.guarded = guarded;
    set_int(raw, ZMQ_CURVE_SERVER, 1);
    set_key(raw, ZMQ_CURVE_SECRETKEY, keys_secret(guard->keys));
    set_text(raw, ZMQ_ZAP_DOMAIN, guarded->domain);
    return guarded;
}

void bus_guard_forget(struct bus_guarded **guarded)
{
    if (*guarded == NULL)
        return;
    struct bus_guarded **at = &zap.guarded;
    while (*at != *guarded)
        at = &(*at)->next;
    *at = (*guarded)->next;
    free(*guarded);
    *guarded = NULL;
}

int bus_guard_connect(struct bus_guard *guard, void *raw, const char *server_role, struct err *err)
{
    const char *server_key = keys_public(guard->keys, server_role, err);
    if (server_key == NULL)
        return -1;
    set_key(raw, ZMQ_CURVE_SERVERKEY, server_key);
    set_key(raw, ZMQ_CURVE_PUBLICKEY, guard->public_key);
    set_key(raw, ZMQ_CURVE_SECRETKEY, keys_secret(guard->keys));
    return 0;
}
