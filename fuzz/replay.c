/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Gives a fuzzer each file of the folders named as arguments, in builds
 * without libFuzzer: what once was a crash stays a test.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (1024 * 1024)

static bool
replay_file(const char *path)
{
	static uint8_t input[INPUT_MAX];
	FILE *f = fopen(path, "rbe");
	uint8_t *exact;
	size_t n;

	if (f == NULL)
		return false;
	n = fread(input, 1, sizeof(input), f);
	fclose(f);
	/* A block of the input's own size lets the sanitizer see its end. */
	exact = malloc(n > 0 ? n : 1);
	if (exact == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		exact[i] = input[i];
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return true;
}

static int
replay_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[4096];
	int n = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		n += replay_file(path);
	}
	closedir(dir);
	return n;
}

int
main(int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++)
		n += replay_folder(argv[i]);
	printf("%d inputs\n", n);
	return n > 0 ? 0 : 1;	/* a fuzzer without seeds is a mistake */
}
