/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See file.h. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

bool
file_write_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = str_from(s, (size_t)n);
	}
	return true;
}

bool
file_sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

bool
file_sync_parent(struct str path)
{
	char folder[4096] = ".";
	ptrdiff_t slash = str_rfind(path, '/');

	if (slash >= (ptrdiff_t)sizeof(folder) - 1) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (slash >= 0) {
		memcpy(folder, path.p, (size_t)slash + 1);
		folder[slash + 1] = '\0';
	}
	return file_sync_folder(folder);
}

static bool
failed(struct err *e, struct str path)
{
	return fail(e, errno == ENOENT ? M_NOT_FOUND : M_UNKNOWN,
	    "Cannot copy " STR_FMT ": %s", STR_ARG(path), strerror(errno));
}

static bool
copy_one(struct arena *a, struct str from, struct str to, struct err *e)
{
	int in = open(str_cz(a, from), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int out = in < 0 ? -1 : open(str_cz(a, to), O_WRONLY | O_CREAT |
	    O_EXCL | O_CLOEXEC, 0600);
	ssize_t n = -1;

	while (out >= 0 && (n = sendfile(out, in, NULL, 1 << 20)) > 0)
		;
	if (out >= 0 && n == 0 && fsync(out) != 0)
		n = -1;
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) != 0)
		n = -1;
	return n == 0 || failed(e, from);
}

static bool
copy_folder(struct arena *a, struct str from, struct str to,
    enum file_copy_how how, struct err *e)
{
	DIR *d = opendir(str_cz(a, from));
	struct dirent *x;
	bool ok = true;

	if (d == NULL)
		return failed(e, from);
	if (mkdir(str_cz(a, to), 0700) != 0 && errno != EEXIST)
		ok = failed(e, to);
	while (ok && (x = readdir(d)) != NULL) {
		struct arena_mark m = arena_mark(a);

		if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
			ok = file_copy(a, str_fmt(a, STR_FMT "/%s",
			    STR_ARG(from), x->d_name), str_fmt(a, STR_FMT
			    "/%s", STR_ARG(to), x->d_name), how, e);
		arena_release(a, m);
	}
	closedir(d);
	return (!ok || file_sync_folder(str_cz(a, to)) || failed(e, to)) && ok;
}

bool
file_copy(struct arena *a, struct str from, struct str to,
    enum file_copy_how how, struct err *e)
{
	struct stat st;

	/* Not d_type: there are file systems that don't tell it. */
	if (lstat(str_cz(a, from), &st) != 0)
		return failed(e, from);
	if (S_ISDIR(st.st_mode))
		return copy_folder(a, from, to, how, e);
	if (!S_ISREG(st.st_mode))
		return true;
	return (how == FILE_LINK && link(str_cz(a, from), str_cz(a, to)) == 0)
	    || copy_one(a, from, to, e);
}
