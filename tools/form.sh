#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# Checks the form of the C sources, as far as a script can without rewriting
# them: tabs indent, four spaces continue, a definition's name starts its line,
# nothing at the ends of lines. The width is 80 columns; what gains nothing by
# a break may pass it a little, and the tables of tests more.
#
#	tools/form.sh [FILE...]		(all sources without names)
set -eu
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
	# shellcheck disable=SC2046 # names without spaces
	set -- $(find src tests fuzz -name node_modules -prune -o \
	    -name '*.[ch]' -print | sort)
fi

awk '
	FNR == 1 { comment = 0; head = "" }
	{
		comment_here = comment || /^[ \t]*\/\*/
		rest = $0
		while (match(rest, comment ? "\\*/" : "/\\*")) {
			rest = substr(rest, RSTART + 2)
			comment = !comment
		}
	}
	/[ \t\r]$/ { breach("blanks at the end of the line") }
	!comment_here && /^\t* +/ {
		match($0, /^\t* +/)
		indent = substr($0, 1, RLENGTH)
		sub(/^\t*/, "", indent)
		if (length(indent) != 4 && $0 !~ /^ [a-z_]+:$/)
			breach("tabs indent, four spaces continue a line")
	}
	FILENAME ~ /\.c$/ && width($0) > 100 {
		breach("too wide")
	}
	# The line where a thing at the margin began, and whether it has a body.
	/^[A-Za-z_]/ { head = $0; at = FNR }
	/^\{$/ && head ~ /^[A-Za-z_][A-Za-z_0-9 *]*[ *][A-Za-z_0-9]+\(/ &&
	    head !~ /^(struct|enum|union) [a-z_0-9]+$/ {
		printf "%s:%d: the name of a definition starts its line\n",
		    FILENAME, at
		bad = 1
	}
	# Columns, tabs going to the next multiple of 8. Bytes that continue
	# a code point take no column.
	function width(s,   i, n, c) {
		if (length(s) <= 80 && index(s, "\t") == 0)
			return length(s)
		n = 0
		for (i = 1; i <= length(s); i++) {
			c = substr(s, i, 1)
			if (c == "\t")
				n += 8 - n % 8
			else if (c < "\200" || c >= "\300")
				n++
		}
		return n
	}
	function breach(why) {
		printf "%s:%d: %s\n", FILENAME, FNR, why
		bad = 1
	}
	END { exit bad }' "$@"
