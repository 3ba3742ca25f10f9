/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The same server behind TLS, with certificates made here. */
#include "fixture.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static char dir[] = "/tmp/net-tls-XXXXXX";
static char cert_path[100], key_path[100];

/* A certificate for itself, told apart by its serial number. */
static void
make_cert(long serial)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name;
	FILE *f;

	assert_non_null(key);
	assert_non_null(x);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"x", -1, -1, 0);
	X509_set_issuer_name(x, name);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	f = fopen(cert_path, "we");
	assert_non_null(f);
	PEM_write_X509(f, x);
	fclose(f);
	f = fopen(key_path, "we");
	assert_non_null(f);
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
}

static int
tls_setup(void **state)
{
	(void)state;
	make_cert(1);
	conf_defaults();
	listen_to[0].tls = true;
	conf.tls_cert = cert_path;
	conf.tls_key = key_path;
	conf.head_ms = 3000;
	start_server();
	return 0;
}

static SSL_CTX *client_ctx;

static int
group_setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", dir);
	snprintf(key_path, sizeof(key_path), "%s/key.pem", dir);
	client_ctx = SSL_CTX_new(TLS_client_method());
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	SSL_CTX_free(client_ctx);
	unlink(cert_path);
	unlink(key_path);
	rmdir(dir);
	return 0;
}

/* A connection whose handshake is done; NULL: it was refused. */
static SSL *
tls_dial(int version, const char *alpn)
{
	SSL *ssl = SSL_new(client_ctx);

	SSL_set_security_level(ssl, 0);
	SSL_set_min_proto_version(ssl, version);
	SSL_set_max_proto_version(ssl, version);
	if (alpn != NULL)
		SSL_set_alpn_protos(ssl, (const unsigned char *)alpn,
		    (unsigned)strlen(alpn));
	SSL_set_fd(ssl, dial());
	if (SSL_connect(ssl) == 1)
		return ssl;
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
	ERR_clear_error();
	return NULL;
}

static void
tls_hang_up(SSL *ssl)
{
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
}

static void
tls_say(SSL *ssl, struct str s)
{
	size_t n;

	for (; s.n > 0; s = str_from(s, n))
		if (SSL_write_ex(ssl, s.p, s.n, &n) != 1)
			fail_msg("SSL_write");
}

/* Reads until the bytes end with `end`. */
static void
tls_until(SSL *ssl, struct buf *b, const char *end)
{
	char piece[16384];
	size_t n;

	while (!str_ends(buf_view(b), str_c(end))) {
		if (SSL_read_ex(ssl, piece, sizeof(piece), &n) != 1)
			fail_msg("closed after \"" STR_FMT "\"",
			    STR_ARG(buf_view(b)));
		buf_add(b, piece, n);
	}
}

/* Asks, and checks that the answer ends so. */
static void
tls_ask(SSL *ssl, const char *request, const char *end)
{
	struct buf b;

	buf_init(&b, NULL, 1 << 16);
	tls_say(ssl, str_c(request));
	tls_until(ssl, &b, end);
	buf_free(&b);
}

static void
test_versions(void **state)
{
	static const struct {
		int version;
		bool ok;
	} cases[] = {
		{ TLS1_VERSION, false }, { TLS1_1_VERSION, false },
		{ TLS1_2_VERSION, true }, { TLS1_3_VERSION, true },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		SSL *ssl = tls_dial(cases[i].version, NULL);

		assert_int_equal(ssl != NULL, cases[i].ok);
		if (ssl == NULL)
			continue;
		tls_ask(ssl, GET("/tls"), "\r\n\r\ntls");
		tls_ask(ssl, GET("/hello"), "\r\n\r\nhello");
		tls_hang_up(ssl);
	}
}

static void
test_alpn(void **state)
{
	static const struct {
		const char *offer, *chosen;
	} cases[] = {
		{ "\x02h2\x08http/1.1", "http/1.1" },
		{ "\x08http/1.1", "http/1.1" },
		{ "\x02h2", "" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		SSL *ssl = tls_dial(TLS1_3_VERSION, cases[i].offer);
		const unsigned char *chosen;
		unsigned n;

		assert_non_null(ssl);
		SSL_get0_alpn_selected(ssl, &chosen, &n);
		assert_true(str_eq_c(str_n((const char *)chosen, n),
		    cases[i].chosen));
		tls_ask(ssl, GET("/hello"), "\r\n\r\nhello");
		tls_hang_up(ssl);
	}
}

/* Many requests in one record: what OpenSSL holds back is taken too. */
static void
test_pipelining(void **state)
{
	SSL *ssl = tls_dial(TLS1_3_VERSION, NULL);
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 1 << 20);
	for (int i = 0; i < 200; i++)
		buf_fmt(&b, REQ("POST", "/echo") "Content-Length: 5\r\n\r\n<%03d>",
		    i);
	buf_c(&b, GET("/hello"));
	tls_say(ssl, buf_view(&b));
	buf_reset(&b);
	tls_until(ssl, &b, "hello");
	for (int i = 0; i < 200; i++) {
		char text[16];

		snprintf(text, sizeof(text), "<%03d>", i);
		assert_true(str_find_str(buf_view(&b), str_c(text)) >= 0);
	}
	buf_free(&b);
	tls_hang_up(ssl);
}

static void
test_large(void **state)
{
	static const char *const path[] = { "/big", "/file" };

	(void)state;
	for (size_t i = 0; i < LEN(path); i++) {
		SSL *ssl = tls_dial(TLS1_3_VERSION, NULL);
		char request[100], *body;
		struct buf b;

		buf_init(&b, NULL, 1 << 23);
		snprintf(request, sizeof(request),
		    REQ("GET", "%s?3000017") "\r\n", path[i]);
		tls_say(ssl, str_c(request));
		nap_ms(20);
		tls_say(ssl, S(GET("/hello")));
		tls_until(ssl, &b, "\r\n\r\nhello");
		body = b.p + str_find_str(buf_view(&b), S("\r\n\r\n")) + 4;
		for (int64_t k = 0; k < 3000017; k++)
			if (body[k] != pattern(k))
				fail_msg("%s: byte %lld", path[i],
				    (long long)k);
		buf_free(&b);
		tls_hang_up(ssl);
	}
}

static void
test_upload(void **state)
{
	SSL *ssl = tls_dial(TLS1_2_VERSION, NULL);
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 1 << 22);
	buf_c(&b, REQ("POST", "/spool") "Content-Length: 1000000\r\n\r\n");
	for (int i = 0; i < 1000000; i++)
		buf_char(&b, pattern(i));
	buf_c(&b, REQ("POST", "/echo") "Expect: 100-continue\r\n"
	    "Content-Length: 3\r\n\r\n");
	tls_say(ssl, buf_view(&b));
	buf_reset(&b);
	tls_until(ssl, &b, "100 Continue\r\n\r\n");
	assert_true(str_find_str(buf_view(&b), S("1000000 1000000 same")) > 0);
	tls_say(ssl, S("abc"));
	tls_until(ssl, &b, "abc");
	buf_free(&b);
	tls_hang_up(ssl);
}

static void
test_park(void **state)
{
	SSL *ssl = tls_dial(TLS1_3_VERSION, NULL);

	(void)state;
	tls_say(ssl, S(GET("/park") GET("/hello")));
	assert_true(parked_are(1));
	wake_all();
	tls_ask(ssl, "", "\r\n\r\nhello");
	tls_say(ssl, S(GET("/park")));
	assert_true(parked_are(1));
	tls_hang_up(ssl);
	assert_true(reaches(&app_gone, 1));
	assert_true(connections_are(0));
}

/* The end is told, so that nobody can pretend it. */
static void
test_close(void **state)
{
	SSL *ssl = tls_dial(TLS1_3_VERSION, NULL);
	char c;

	(void)state;
	tls_ask(ssl, REQ("GET", "/hello") "Connection: close\r\n\r\n", "hello");
	assert_int_equal(SSL_get_error(ssl, SSL_read(ssl, &c, 1)),
	    SSL_ERROR_ZERO_RETURN);
	tls_hang_up(ssl);
}

static void
test_no_tls(void **state)
{
	char waste[100];
	int fd = dial(), silent = dial(), n;

	(void)state;
	say(fd, GET("/hello"));
	do {
		n = recv_some(fd, waste, sizeof(waste));	/* an alert */
	} while (n > 0);
	assert_int_equal(n, 0);
	close(fd);
	/* A handshake that never comes has the time of a head. */
	expect_closed(silent);
	close(silent);
	assert_int_equal(atomic_load(&app_runs), 0);
}

static long
serial_of(SSL *ssl)
{
	X509 *x = SSL_get1_peer_certificate(ssl);
	long serial = ASN1_INTEGER_get(X509_get0_serialNumber(x));

	X509_free(x);
	return serial;
}

static void
test_reload(void **state)
{
	SSL *before = tls_dial(TLS1_3_VERSION, NULL), *after;
	struct err e = { 0 };

	(void)state;
	assert_false(http_reload_tls(server, "/nowhere", key_path, &e));
	make_cert(2);
	err_clear(&e);
	assert_true(http_reload_tls(server, cert_path, key_path, &e));
	after = tls_dial(TLS1_3_VERSION, NULL);
	assert_int_equal(serial_of(before), 1);
	assert_int_equal(serial_of(after), 2);
	tls_ask(before, GET("/hello"), "hello");
	tls_ask(after, GET("/hello"), "hello");
	tls_hang_up(before);
	tls_hang_up(after);
}

/* A key that is not the certificate's. */
static void
test_wrong_key(void **state)
{
	char other[120];
	struct err e = { 0 };

	(void)state;
	snprintf(other, sizeof(other), "%s/other.pem", dir);
	make_cert(1);
	assert_int_equal(rename(cert_path, other), 0);
	make_cert(2);
	conf_defaults();
	listen_to[0].tls = true;
	conf.tls_cert = other;
	conf.tls_key = key_path;
	assert_null(http_start(&conf, &app, &e));
	assert_int_equal(e.code, M_INVALID_PARAM);
	unlink(other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tls_setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_versions), TEST(test_alpn), TEST(test_pipelining),
		TEST(test_large), TEST(test_upload), TEST(test_park),
		TEST(test_close), TEST(test_no_tls), TEST(test_reload),
		cmocka_unit_test(test_wrong_key),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
