/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* TLS on accepted sockets, by OpenSSL, without blocking. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"

#include <sys/types.h>

struct tls_ctx;
struct tls;

enum tls_want { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_FAILED };

bool tls_ctx_new(const char *cert, const char *key, struct tls_ctx **out, struct err *e) MUST_CHECK;
/* Other files for connections made from now on. */
bool tls_ctx_reload(struct tls_ctx *t, const char *cert, const char *key, struct err *e) MUST_CHECK;
void tls_ctx_free(struct tls_ctx *t);

struct tls *tls_accept(struct tls_ctx *t, int fd);	/* NULL: no memory */
void tls_free(struct tls *t);
/* Bytes were received that epoll knows nothing of. */
bool tls_pending(const struct tls *t);
/* Tells the peer that nothing follows; does not wait for its answer. */
void tls_bye(struct tls *t);
enum tls_want tls_handshake(struct tls *t);
/* As read(2) and write(2): -1 with *want when it must wait; 0 on read: the end. */
ssize_t tls_read(struct tls *t, void *p, size_t n, enum tls_want *want);
ssize_t tls_write(struct tls *t, const void *p, size_t n, enum tls_want *want);

#endif
