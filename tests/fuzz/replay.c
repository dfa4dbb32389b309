/* SPDX-License-Identifier: BSD-2-Clause */
/* Without libFuzzer: every file of a folder through the target, counted as one test each. */
#include <dirent.h>

#include "fuzz.h"

static void replay(const char *folder, const char *name)
{
	static uint8_t buf[1 << 20];
	char path[1024];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	CHECK(f, "cannot read %s", path);
	n = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	printf("[ RUN      ] %s\n", name);
	fflush(stdout);
	LLVMFuzzerTestOneInput(buf, n);
	printf("[       OK ] %s\n", name);
}

int main(int argc, char **argv)
{
	struct dirent *e;
	DIR *d;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 1;
	}
	d = opendir(argv[1]);
	CHECK(d, "cannot open %s", argv[1]);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			replay(argv[1], e->d_name);
	closedir(d);
	return 0;
}
