#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# Checks that a layer includes only those to its left:
#	base <- crypto <- (net | room) <- store <- core <- guard <- api <- main
# net and room don't know each other. Prints each breach; fails if there is one.
set -eu
cd "$(dirname "$0")/.."

find src -name '*.[ch]' -o -name '*.def' | sort | xargs awk '
	BEGIN {
		n = split("base crypto net room store core guard api main", name)
		for (i = 1; i <= n; i++)
			rank[name[i]] = i
	}
	FNR == 1 {
		split(FILENAME, part, "/")
		layer = part[2]
		if (!(layer in rank))
			breach("this folder is no layer")
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, quoted, "\"")
		if (split(quoted[2], part, "/") < 2)
			breach("write includes from src/: \"" layer "/" \
			    quoted[2] "\"")
		else if (!(part[1] in rank))
			breach("includes \"" quoted[2] "\", which is no layer")
		else if (rank[part[1]] > rank[layer])
			breach("includes \"" quoted[2] "\", to its right")
		else if (layer == "room" && part[1] == "net")
			breach("room and net do not know each other")
	}
	function breach(why) {
		printf "%s:%d: %s\n", FILENAME, FNR, why
		bad = 1
	}
	END { exit bad }'
