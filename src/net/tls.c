/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See tls.h. TLS 1.2 and later, HTTP/1.1 by ALPN, buffers given back while a
 * connection is idle. threads: each connection by its loop's; reload from any.
 */
#include "net/tls.h"
#include "base/heap.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tls_ctx {
	pthread_mutex_t lock;
	SSL_CTX *ssl;
};

struct tls {
	SSL *ssl;
};

static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
	static const unsigned char http11[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, outlen,
	    http11, sizeof(http11) - 1, in, inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

static bool
bad(struct err *e, const char *what, const char *path)
{
	char why[160];

	ERR_error_string_n(ERR_get_error(), why, sizeof(why));
	fail(e, M_INVALID_PARAM, "Cannot use the %s %s", what, path);
	return err_cause(e, "%s", why);
}

static SSL_CTX *
load(const char *cert, const char *key, struct err *e)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());

	if (ssl == NULL)
		abort();
	ERR_clear_error();
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Sessions are kept by clients, in tickets. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(ssl, choose_alpn, NULL);
	if (SSL_CTX_use_certificate_chain_file(ssl, cert) != 1) {
		bad(e, "certificate", cert);
	} else if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM)
	    != 1 || SSL_CTX_check_private_key(ssl) != 1) {
		bad(e, "private key", key);
	} else {
		return ssl;
	}
	SSL_CTX_free(ssl);
	return NULL;
}

bool
tls_ctx_new(const char *cert, const char *key, struct tls_ctx **out,
    struct err *e)
{
	SSL_CTX *ssl = load(cert, key, e);
	struct tls_ctx *t;

	if (ssl == NULL)
		return false;
	t = must(calloc(1, sizeof(*t)));
	pthread_mutex_init(&t->lock, NULL);
	t->ssl = ssl;
	*out = t;
	return true;
}

bool
tls_ctx_reload(struct tls_ctx *t, const char *cert, const char *key,
    struct err *e)
{
	SSL_CTX *ssl = load(cert, key, e), *old;

	if (ssl == NULL)
		return false;
	pthread_mutex_lock(&t->lock);
	old = t->ssl;
	t->ssl = ssl;
	pthread_mutex_unlock(&t->lock);
	SSL_CTX_free(old);
	return true;
}

void
tls_ctx_free(struct tls_ctx *t)
{
	if (t == NULL)
		return;
	SSL_CTX_free(t->ssl);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

struct tls *
tls_accept(struct tls_ctx *t, int fd)
{
	struct tls *x = must(calloc(1, sizeof(*x)));

	pthread_mutex_lock(&t->lock);
	x->ssl = SSL_new(t->ssl);
	pthread_mutex_unlock(&t->lock);
	if (x->ssl == NULL || SSL_set_fd(x->ssl, fd) != 1) {
		tls_free(x);
		return NULL;
	}
	SSL_set_accept_state(x->ssl);
	return x;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	free(t);
}

static enum tls_want
wanted(struct tls *t, int rc)
{
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	default:
		return TLS_FAILED;
	}
}

bool
tls_pending(const struct tls *t)
{
	return SSL_has_pending(t->ssl) != 0;
}

void
tls_bye(struct tls *t)
{
	ERR_clear_error();
	SSL_shutdown(t->ssl);
}

enum tls_want
tls_handshake(struct tls *t)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(t->ssl);
	return rc == 1 ? TLS_DONE : wanted(t, rc);
}

ssize_t
tls_read(struct tls *t, void *p, size_t n, enum tls_want *want)
{
	size_t got = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(t->ssl, p, n, &got);
	if (rc == 1)
		return (ssize_t)got;
	if (SSL_get_error(t->ssl, rc) == SSL_ERROR_ZERO_RETURN)
		return 0;
	*want = wanted(t, rc);
	return -1;
}

ssize_t
tls_write(struct tls *t, const void *p, size_t n, enum tls_want *want)
{
	size_t put = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_write_ex(t->ssl, p, n, &put);
	if (rc == 1)
		return (ssize_t)put;
	*want = wanted(t, rc);
	return -1;
}
