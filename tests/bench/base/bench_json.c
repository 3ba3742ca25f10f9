/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * JSON on the hottest path: an event of about 1 kB as servers send it, parsed
 * and made canonical for its signature. `sorted` has its members in canonical
 * order, `mixed` in the order in which a server happened to build them.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"

#define ROUNDS 7
#define CALLS 20000

#define CONTENT_BODY \
	"\"body\":\"La r\xc3\xa9union de demain est d\xc3\xa9plac\xc3\xa9" \
	"e \xc3\xa0 dix heures, salle 204 ; merci de pr\xc3\xa9venir les " \
	"coll\xc3\xa8gues du minist\xc3\xa8re.\""
#define CONTENT_REST \
	"\"m.mentions\":{\"user_ids\":[\"@claire.dupont:agents.example.org\"," \
	"\"@paul.martin:agents.example.org\"]},\"m.relates_to\":{\"event_id\":" \
	"\"$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg\",\"is_falling_back\":" \
	"true,\"rel_type\":\"m.thread\"},\"msgtype\":\"m.text\""
#define IDS \
	"\"origin_server_ts\":1769955611873,\"prev_events\":" \
	"[\"$aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789-_abcde\"],\"room_id\":" \
	"\"!hGtJrDdPqUcVwXyZ:agents.example.org\",\"sender\":" \
	"\"@jean.dubois:agents.example.org\""
#define AUTH \
	"\"auth_events\":[\"$H3fGz-0aBcDeFgHiJkLmNoPqRsTuVwXyZ012345678\"," \
	"\"$9aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789-_ab\"," \
	"\"$zYxWvUtSrQpOnMlKjIhGfEdCbA9876543210_-zyx\"]"
#define SIGNATURES \
	"\"signatures\":{\"agents.example.org\":{\"ed25519:a_Xy1\":\"" \
	"KxwGjPSDEtvnFgU00fwFz-l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIRe1f7tVtVZgPk" \
	"7nFNkMhiHUoAr6iTCg\"}}"
#define HASHES \
	"\"hashes\":{\"sha256\":\"lQ8mEwhXxFdHB0xwx1jv6Wr/8Qz4wGdS3c8uJ1kVxYw\"}"

static const struct {
	const char *name;
	struct str text;
} events[] = {
	{ "sorted", S_INIT("{" AUTH ",\"content\":{" CONTENT_BODY ","
	    CONTENT_REST "},\"depth\":4712," HASHES "," IDS "," SIGNATURES
	    ",\"type\":\"m.room.message\",\"unsigned\":{\"age\":213}}") },
	{ "mixed", S_INIT("{\"type\":\"m.room.message\"," IDS ",\"depth\":4712,"
	    AUTH ",\"content\":{" CONTENT_REST "," CONTENT_BODY "}," HASHES
	    ",\"unsigned\":{\"age\":213}," SIGNATURES "}") },
};

static struct json
parse(struct arena *a, struct str text)
{
	struct err e = { 0 };
	struct json v;

	if (!json_parse(a, text, JSON_STRICT, &v, &e))
		fprintf(stderr, "bench_json: %s\n", e.text);
	return v;
}

static size_t
only_parse(struct arena *a, struct str text)
{
	return parse(a, text).n;
}

/* What checking a signature asks of JSON. */
static size_t
full(struct arena *a, struct str text)
{
	struct json v = parse(a, text), copy = json_copy(a, &v);

	json_del(&copy, S("signatures"));
	json_del(&copy, S("unsigned"));
	return json_text(a, &copy).n;
}

static double
best(size_t (*work)(struct arena *a, struct str text), struct str text)
{
	struct arena *a = arena_new(SIZE_MAX);
	double least = 1e9;
	size_t sum = 0;

	for (int r = 0; r < ROUNDS; r++) {
		int64_t began_us = clock_thread_cpu_us();
		double each;

		for (int i = 0; i < CALLS; i++) {
			sum += work(a, text);
			arena_reset(a);
		}
		each = (double)(clock_thread_cpu_us() - began_us) *
		    1e3 / CALLS;
		least = each < least ? each : least;
	}
	arena_free(a);
	return sum == 0 ? 0 : least;
}

int
main(void)
{
	printf("%-8s %6s %12s %12s\n", "event", "bytes", "parse ns", "full ns");
	for (size_t i = 0; i < LEN(events); i++)
		printf("%-8s %6zu %12.0f %12.0f\n", events[i].name,
		    events[i].text.n, best(only_parse, events[i].text),
		    best(full, events[i].text));
	return 0;
}
