/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Ed25519, signed JSON and the key file. spec: appendices, "Cryptographic Test Vectors". */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "crypto/sign.h"

#define SEED "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"
#define PUBLIC "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI"

static struct arena *a;
static struct sign_key key;
static char dir[] = "/tmp/test_sign.XXXXXX";
static char path[sizeof(dir) + 32];

static void
put(const char *text, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static int
setup(void **state)
{
	struct err e = { .code = M_OK };

	(void)state;
	crypto_start();
	a = arena_new(SIZE_MAX);
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/signing.key", dir);
	put("ed25519 1 " SEED "\n", strlen("ed25519 1 " SEED "\n"));
	return sign_key_read(a, path, &key, &e) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)rmdir(dir);
	arena_free(a);
	return 0;
}

static struct json
parse(const char *text)
{
	struct json v;
	struct err e = { .code = M_OK };

	if (!json_parse(a, str_c(text), JSON_ANY, &v, &e))
		fail_msg("%s: %s", text, e.text);
	return json_copy(a, &v);
}

/* The spec's vectors, and what signing leaves out or keeps. */
#define SIG_EMPTY "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTd" \
	"GYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"
#define SIG_TWO "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL5" \
	"3+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw"
#define OF(sig) "\"signatures\":{\"domain\":{\"ed25519:1\":\"" sig "\"}}"

static const struct {
	const char *what, *in, *out;
} signs[] = {
	{ "an empty object", "{}", "{" OF(SIG_EMPTY) "}" },
	{ "two members", "{\"one\":1,\"two\":\"Two\"}",
	    "{\"one\":1," OF(SIG_TWO) ",\"two\":\"Two\"}" },
	{ "spaces and another order", "{ \"two\" : \"Two\", \"one\":1 }",
	    "{\"one\":1," OF(SIG_TWO) ",\"two\":\"Two\"}" },
	{ "unsigned is kept and not signed",
	    "{\"unsigned\":{\"age\":3}}",
	    "{" OF(SIG_EMPTY) ",\"unsigned\":{\"age\":3}}" },
	{ "another server's signature is kept and not signed",
	    "{\"signatures\":{\"a\":{\"ed25519:x\":\"y\"}}}",
	    "{\"signatures\":{\"a\":{\"ed25519:x\":\"y\"},\"domain\":"
	    "{\"ed25519:1\":\"" SIG_EMPTY "\"}}}" },
	{ "another key of ours is kept",
	    "{\"signatures\":{\"domain\":{\"ed25519:0\":\"y\"}}}",
	    "{\"signatures\":{\"domain\":{\"ed25519:0\":\"y\","
	    "\"ed25519:1\":\"" SIG_EMPTY "\"}}}" },
	{ "an old signature by the same key is replaced",
	    "{\"signatures\":{\"domain\":{\"ed25519:1\":\"y\"}}}",
	    "{" OF(SIG_EMPTY) "}" },
	{ "signatures of a wrong type are replaced", "{\"signatures\":7}",
	    "{" OF(SIG_EMPTY) "}" },
};

static void
test_sign_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(signs); i++) {
		struct json v = parse(signs[i].in);
		struct str got;

		sign_json(a, &v, S("domain"), &key);
		got = json_text(a, &v);
		if (!str_eq_c(got, signs[i].out))
			fail_msg("%s: " STR_FMT, signs[i].what, STR_ARG(got));
		assert_true(sign_json_ok(a, &v, S("domain"), S("ed25519:1"),
		    key.public_key));
	}
}

static const struct {
	const char *what, *text, *entity, *id;
	bool ok;
} checks[] = {
	{ "the spec's signature", "{" OF(SIG_EMPTY) "}", "domain",
	    "ed25519:1", true },
	{ "unsigned added since", "{\"unsigned\":{}," OF(SIG_EMPTY) "}",
	    "domain", "ed25519:1", true },
	{ "a member added since", "{\"x\":1," OF(SIG_EMPTY) "}", "domain",
	    "ed25519:1", false },
	{ "a value changed since", "{\"one\":2,\"two\":\"Two\","
	    OF(SIG_TWO) "}", "domain", "ed25519:1", false },
	{ "another entity", "{" OF(SIG_EMPTY) "}", "other", "ed25519:1",
	    false },
	{ "another key id", "{" OF(SIG_EMPTY) "}", "domain", "ed25519:2",
	    false },
	{ "no signatures", "{}", "domain", "ed25519:1", false },
	{ "signatures of a wrong type", "{\"signatures\":[]}", "domain",
	    "ed25519:1", false },
	{ "an entity of a wrong type", "{\"signatures\":{\"domain\":1}}",
	    "domain", "ed25519:1", false },
	{ "a signature of a wrong type",
	    "{\"signatures\":{\"domain\":{\"ed25519:1\":1}}}", "domain",
	    "ed25519:1", false },
	{ "a signature that is cut", "{" OF("K8280/U9SSy9") "}", "domain",
	    "ed25519:1", false },
	{ "a signature in the url alphabet", "{" OF("K8280_U9SSy9IVtjBuVeLr-"
	    "HpOB4BQFWbg-UZaADMtTdGYI7Geitb76LTrr5QV_7Xg4ahLwYGYZzuHGZKM5ZAQ")
	    "}", "domain", "ed25519:1", false },
};

static void
test_sign_json_ok(void **state)
{
	uint8_t other[SIGN_PUBLIC_BYTES];
	struct json v;

	(void)state;
	for (size_t i = 0; i < LEN(checks); i++) {
		v = parse(checks[i].text);
		if (sign_json_ok(a, &v, str_c(checks[i].entity),
		    str_c(checks[i].id), key.public_key) != checks[i].ok)
			fail_msg("%s", checks[i].what);
	}
	v = parse(checks[0].text);
	memcpy(other, key.public_key, sizeof(other));
	other[3] ^= 1;
	assert_false(sign_json_ok(a, &v, S("domain"), S("ed25519:1"), other));
}

/* Every flipped bit of a signature counts. */
static void
test_bytes(void **state)
{
	uint8_t sig[SIGN_BYTES], zero[SIGN_PUBLIC_BYTES] = { 0 };
	struct str text = S("something to sign");

	(void)state;
	sign_bytes(&key, text, sig);
	assert_true(sign_ok(key.public_key, text, sig));
	assert_false(sign_ok(key.public_key, S("something to sigm"), sig));
	assert_false(sign_ok(key.public_key, (struct str){ NULL, 0 }, sig));
	for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(sign_ok(key.public_key, text, sig));
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* A key of small order would accept signatures of anything. */
	memset(sig, 0, sizeof(sig));
	zero[0] = 1;
	sig[0] = 1;
	assert_false(sign_ok(zero, text, sig));
	sign_bytes(&key, S(""), sig);
	assert_true(sign_ok(key.public_key, (struct str){ NULL, 0 }, sig));
}

static const struct {
	const char *what, *text;
	bool ok;
} publics[] = {
	{ "unpadded", PUBLIC, true },
	{ "padded", PUBLIC "=", true },
	{ "empty", "", false },
	{ "a byte short", "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJA", false },
	{ "a byte long", PUBLIC "AA", false },
	{ "not base64", "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJN!", false },
	{ "a space before", " " PUBLIC, false },
};

static void
test_read_public(void **state)
{
	uint8_t out[SIGN_PUBLIC_BYTES], sig[SIGN_BYTES];

	(void)state;
	for (size_t i = 0; i < LEN(publics); i++) {
		memset(out, 0, sizeof(out));
		if (sign_read_public(str_c(publics[i].text), out) !=
		    publics[i].ok)
			fail_msg("%s", publics[i].what);
		if (publics[i].ok)
			assert_memory_equal(out, key.public_key, sizeof(out));
	}
	assert_false(sign_read_sig(S(PUBLIC), sig));
	assert_true(sign_read_sig(S(SIG_EMPTY), sig));
	assert_false(sign_read_public(S(SIG_EMPTY), out));
}

static void
test_new(void **state)
{
	struct sign_key one, two;
	uint8_t sig[SIGN_BYTES], zero[sizeof(one.secret_key)] = { 0 };

	(void)state;
	sign_key_new(a, &one);
	sign_key_new(a, &two);
	assert_true(str_starts(one.id, S("ed25519:a_")));
	assert_int_equal(one.id.n, strlen("ed25519:a_") + 6);
	assert_false(str_eq(one.id, two.id));
	assert_memory_not_equal(one.public_key, two.public_key,
	    sizeof(one.public_key));
	sign_bytes(&one, S("x"), sig);
	assert_true(sign_ok(one.public_key, S("x"), sig));
	assert_false(sign_ok(two.public_key, S("x"), sig));
	sign_key_wipe(&one);
	assert_memory_equal(one.secret_key, zero, sizeof(zero));
}

/* One key to the file and back; the file is its owner's alone, whatever was there before. */
static void
test_file(void **state)
{
	char *part = str_cz(a, str_fmt(a, "%s.part", path));
	struct sign_key one, back;
	struct err e = { .code = M_OK };
	struct stat st;
	FILE *f;

	(void)state;
	f = fopen(part, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(part, 0666), 0);
	sign_key_new(a, &one);
	assert_true(sign_key_write(path, &one, &e));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(access(part, F_OK), -1);
	assert_true(sign_key_read(a, path, &back, &e));
	assert_true(str_eq(one.id, back.id));
	assert_memory_equal(one.secret_key, back.secret_key,
	    sizeof(one.secret_key));
	assert_memory_equal(one.public_key, back.public_key,
	    sizeof(one.public_key));
	assert_false(sign_key_write("/nowhere/at/all.key", &one, &e));
	assert_int_equal(e.code, M_UNKNOWN);
}

/* A key that can't be put in its place leaves nothing behind; a name without a folder is here. */
static void
test_file_places(void **state)
{
	char *part = str_cz(a, str_fmt(a, "%s.part", dir));
	struct sign_key one, back;
	struct err e = { .code = M_OK };
	char here[4096];

	(void)state;
	sign_key_new(a, &one);
	assert_false(sign_key_write(dir, &one, &e));
	assert_non_null(strstr(e.text, strerror(EISDIR)));
	assert_int_equal(access(part, F_OK), -1);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(dir), 0);
	assert_true(sign_key_write("here.key", &one, &e));
	assert_true(sign_key_read(a, "here.key", &back, &e));
	assert_true(str_eq(one.id, back.id));
	assert_int_equal(unlink("here.key"), 0);
	assert_int_equal(chdir(here), 0);
}

static const struct {
	const char *what, *text;
	bool ok;
} files[] = {
	{ "one line", "ed25519 a_x " SEED "\n", true },
	{ "no newline at the end", "ed25519 a_x " SEED, true },
	{ "a carriage return", "ed25519 a_x " SEED "\r\n", true },
	{ "a padded seed", "ed25519 a_x " SEED "=\n", true },
	{ "nothing", "", false },
	{ "a newline", "\n", false },
	{ "another algorithm", "rsa a_x " SEED "\n", false },
	{ "no version", "ed25519  " SEED "\n", false },
	{ "no seed", "ed25519 a_x\n", false },
	{ "a seed that is cut", "ed25519 a_x YJDBA9Xnr2sVqXD9Vj7X\n", false },
	{ "a seed that is no base64", "ed25519 a_x YJDBA9Xnr2sVqXD9Vj7XVUnm"
	    "FZcZrlw8Md7kMW+3X!!\n", false },
	{ "two lines", "ed25519 a_x " SEED "\ned25519 a_y " SEED "\n", false },
};

static void
test_file_bad(void **state)
{
	struct sign_key k;

	(void)state;
	for (size_t i = 0; i < LEN(files); i++) {
		struct err e = { .code = M_OK };

		put(files[i].text, strlen(files[i].text));
		if (sign_key_read(a, path, &k, &e) != files[i].ok)
			fail_msg("%s", files[i].what);
		if (files[i].ok)
			assert_true(str_eq(k.id, S("ed25519:a_x")));
		else
			assert_null(strstr(e.text, SEED));
	}
}

static void
test_file_missing(void **state)
{
	struct err e = { .code = M_OK };
	struct sign_key k;

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_false(sign_key_read(a, path, &k, &e));
	assert_int_equal(e.code, M_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign_json),
		cmocka_unit_test(test_sign_json_ok),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_read_public),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_places),
		cmocka_unit_test(test_file_bad),
		cmocka_unit_test(test_file_missing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
