#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# Checks that what has one door is done through it, and nowhere else. A rule is
# a pattern, the files that may match it, and what to say to the others.
# Comments never match; strings do only where a rule wants them.
set -eu
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# $tmp/code: every line as "file:line:text" without comments and with empty
# strings; $tmp/text: the same with the strings kept.
find src -name '*.[ch]' | sort >"$tmp/files"
number='my $f = $ARGV; my $n = 0; print map { $n++; "$f:$n:$_\n" } split /\n/'
comments='s{("(?:\\.|[^"\\\n])*"|\x27(?:\\.|[^\x27\\\n])*\x27)|(/\*.*?\*/|//[^\n]*)}
	{defined $1 ? $1 : ($2 =~ tr/\n//cdr)}gsex'
strings='s{"(?:\\.|[^"\\\n])*"}{""}g'
# shellcheck disable=SC2046 # names without spaces
perl -0777 -ne "$comments; $number" $(cat "$tmp/files") >"$tmp/text"
# shellcheck disable=SC2046
perl -0777 -ne "$comments; $strings; $number" $(cat "$tmp/files") >"$tmp/code"

bad=0

# rule FILE PATTERN ALLOWED WHY: matches outside the allowed files are breaches.
rule() {
	if grep -E "^[^:]+:[0-9]+:.*($2)" "$tmp/$1" |
	    grep -Ev "^($3):" >"$tmp/found"; then
		sed "s|\$|	<- $4|" "$tmp/found"
		bad=1
	fi
}

word='(^|[^A-Za-z0-9_])'

rule code "$word(strcpy|strcat|sprintf|vsprintf|strncpy|strncat|strtok|strtok_r|gmtime|localtime|asctime|ctime|atoi|atol|atof|strtol|strtoul|rand|srand|random|alloca|system|popen|gets|tmpnam|mktemp|setjmp|longjmp)\(" \
	'none' 'a banned function'
rule code "$word(clock_gettime|gettimeofday|time|getrandom|getentropy|randombytes_[a-z]+|RAND_bytes|arc4random[a-z_]*)\(" \
	'src/base/clock\.c' 'clocks and random bytes come from base/clock.h'
rule code "$word(malloc|calloc|realloc|free|strdup|strndup|aligned_alloc|asprintf)\(" \
	'src/(base|net)/[^:]*|src/[a-z]+/[a-z_]*cache[a-z_]*\.c|src/main/decoder[a-z_]*\.c|src/store/db[a-z_]*\.c|src/[a-z]+/notify[a-z_]*\.c|src/api/api\.c|src/core/(room_load|typing|e2ee|userdata|unicode|jobs)\.c|src/crypto/digest\.c|src/guard/ledger\.c|src/main/beffroid\.c' \
	'memory comes from an arena; the heap is for base, net and caches'
rule text '"[^"]*(SELECT [^"]* FROM |INSERT (OR [A-Z]+ )?INTO |UPDATE [a-z_]+ SET |DELETE FROM )' \
	'src/store/[^:]*' 'SQL stands in store'
rule code "$word(sqlite3_|PQ)[A-Za-z_0-9]+\(" \
	'src/store/db[^:]*' 'the databases are behind store/db.h'
rule code "$word(db_(exec|change|query|next|done|one|one_int|one_str|exists|int|bool|str|peek|null))\(" \
	'src/store/[^:]*' 'queries stand in store; ask a function of a query file'
rule code "${word}err_set\(" \
	'src/base/err\.[ch]' 'fail() is the only maker of errors'
rule code "(->|\.)err\.code = M_|$word(e|err)->code = |$word(e|err)\.code = M_[^O]" \
	'src/base/err\.c' 'fail() is the only maker of errors'
rule code "${word}(fprintf|fputs|puts|printf|perror|syslog)\(" \
	'src/(base|main)/[^:]*' 'the log is behind base/log.h; only the programs print'
rule code "${word}(curl_[a-z_]+)\(" \
	'src/net/client[^:]*' 'client_* is the only way out to the network'
rule code '#.*(NDEBUG)' 'none' 'assertions are never switched off'
rule code "$word(socket|connect|accept|accept4|listen|bind|sendto|recvfrom)\(" \
	'src/net/[^:]*|src/main/[^:]*' 'sockets are the business of net'

# Files: licence line, length.
while read -r file; do
	if ! head -n 1 "$file" |
	    grep -q '^/\* SPDX-License-Identifier: AGPL-3.0-or-later \*/$'; then
		echo "$file:1: the first line is the SPDX line"
		bad=1
	fi
	lines=$(wc -l <"$file")
	if [ "$lines" -gt 700 ]; then
		echo "$file: $lines lines; split it by subject before 700"
		bad=1
	fi
done <"$tmp/files"

exit $bad
