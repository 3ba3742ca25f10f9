/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * beffroi-decoder WIDTH HEIGHT scale|crop: a picture on stdin, its thumbnail on
 * stdout. Foreign bytes are parsed here and nowhere else, in a process that can
 * do little more than compute: before the first byte is looked at, memory and
 * time are limited and a filter lets through a dozen system calls; opening a
 * file or a socket kills it.
 */
#include "main/decoder.h"

#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)100 << 20)
#define MEMORY_MAX ((rlim_t)1 << 30)
#define CPU_SECONDS 10

static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(mmap), SCMP_SYS(munmap),
	SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(madvise),
	SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigreturn), SCMP_SYS(exit_group),
	SCMP_SYS(exit),
};

static bool
lock_up(void)
{
	struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };
	struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS }, none = { 0, 0 };
	scmp_filter_ctx f;
	bool ok;

	if (setrlimit(RLIMIT_AS, &memory) != 0 ||
	    setrlimit(RLIMIT_CPU, &cpu) != 0 ||
	    setrlimit(RLIMIT_CORE, &none) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	ok = f != NULL;
	for (size_t i = 0; ok && i < sizeof(allowed) / sizeof(*allowed); i++)
		ok = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
	ok = ok && seccomp_load(f) == 0;
	return ok;
}

/* All of stdin; the bytes are not looked at. */
static uint8_t *
read_input(size_t *n)
{
	size_t cap = 1 << 20, at = 0;
	uint8_t *p = malloc(cap), *more;
	ssize_t got = 0;

	while (p != NULL && (got = read(STDIN_FILENO, p + at, cap - at)) > 0) {
		at += (size_t)got;
		if (at < cap)
			continue;
		more = cap < INPUT_MAX ? realloc(p, cap *= 2) : NULL;
		if (more == NULL) {
			free(p);
			return NULL;
		}
		p = more;
	}
	*n = at;
	return got == 0 ? p : NULL;
}

static bool
write_output(const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(STDOUT_FILENO, p, n);

		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

/* 1 to 4096, or 0. */
static int
side(const char *s)
{
	int v = 0;

	for (; *s >= '0' && *s <= '9' && v < 10000; s++)
		v = v * 10 + (*s - '0');
	return *s == '\0' && v >= 1 && v <= 4096 ? v : 0;
}

int
main(int argc, char **argv)
{
	struct picture in, out;
	uint8_t *bytes, *text;
	size_t n, size;
	int wide, high;

	if (argc == 2 && strcmp(argv[1], "--probe-sandbox") == 0) {
		/* For the test: a decoder that was taken over opens a file. */
		if (!lock_up())
			return 3;
		return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 1;
	}
	wide = argc == 4 ? side(argv[1]) : 0;
	high = argc == 4 ? side(argv[2]) : 0;
	if (wide == 0 || high == 0) {
		fputs("beffroi-decoder WIDTH HEIGHT scale|crop\n", stderr);
		return 2;
	}
	bytes = read_input(&n);
	if (bytes == NULL || !lock_up())
		return 3;
	if (!picture_decode(bytes, n, wide, high, &in) ||
	    !picture_scale(&in, wide, high, strcmp(argv[3], "crop") == 0,
	    &out) || !picture_encode(&out, &text, &size) ||
	    !write_output(text, size))
		return 1;
	return 0;
}
