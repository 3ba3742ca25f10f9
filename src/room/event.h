/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Events: a read-only view of one, and building, hashing, redacting, signing.
 * Pure (signing takes the key).
 * spec: server-server, "PDUs", "Signing Events"; rooms/, "Event format".
 */
#ifndef ROOM_EVENT_H
#define ROOM_EVENT_H

#include "base/json.h"
#include "crypto/sign.h"
#include "room/version.h"

#define EVENT_BYTES_MAX 65536
#define EVENT_DEPTH_MAX JSON_INT_MAX
#define EVENT_PREV_MAX 20
#define EVENT_AUTH_MAX 10

struct event {
	const struct room_version *v;
	struct str id;			/* "$..." */
	struct str room;		/* in v12 filled for create too */
	struct str type, sender;
	bool is_state;
	struct str state_key;		/* if is_state */
	const struct json *content;	/* an object, always */
	struct str redacts;		/* of m.room.redaction by this version's place; else empty */
	int64_t ts;			/* origin_server_ts */
	int64_t depth;			/* at most EVENT_DEPTH_MAX; versions 1 to 5 may write more */
	struct str *auth, *prev;	/* event ids */
	size_t nauth, nprev;
	struct json json;		/* the whole event, with signatures and unsigned */
};

/*
 * Reads a PDU and checks its format by the version: fields, types, lengths
 * (255 bytes each), 64 KiB in canonical form, identifiers' grammar. Computes
 * its id. Does not check hashes or signatures. text lives as long as *ev.
 * errors  M_BAD_JSON 400, M_TOO_LARGE 413
 */
bool event_read(struct arena *a, const struct room_version *v, struct str text,
    struct event *ev, struct err *e) MUST_CHECK;
/* The same of a tree that is already parsed. */
bool event_read_json(struct arena *a, const struct room_version *v,
    const struct json *json, struct event *ev, struct err *e) MUST_CHECK;
/* Trusts text: an event that this server stored. Only fills the view; id is given. */
bool event_load(struct arena *a, const struct room_version *v, struct str id,
    struct str text, struct event *ev, struct err *e) MUST_CHECK;

#define EVENT_STICKY_MAX INT64_C(3600000)
/* For how long after its time an event is sticky (MSC4354): 0, or up to EVENT_STICKY_MAX ms. */
int64_t event_sticky_ms(const struct event *ev);
/* The redacted form: what the version keeps. Signatures and hashes stay. */
struct json event_redact(struct arena *a, const struct room_version *v, const struct json *ev);
/* The content hash: unpadded base64 of SHA-256. */
struct str event_content_hash(struct arena *a, const struct json *ev);
/* True: hashes.sha256 is there and its bytes fit. False: keep only the redacted form. */
bool event_hash_ok(struct arena *a, const struct json *ev);
/* "$" + reference hash (v3+); for v1-2 the given event_id. */
struct str event_id_of(struct arena *a, const struct room_version *v, const struct json *ev);
/* Does entity's signature (over the redacted form) fit? */
bool event_signature_ok(struct arena *a, const struct room_version *v, const struct json *ev,
    struct str entity, struct str key_id, const uint8_t public_key[SIGN_PUBLIC_BYTES]);

/* Adds entity's signature to an event, beside those that it has. */
void event_sign_more(struct arena *a, const struct room_version *v, struct json *ev, struct str entity,
    const struct sign_key *key);

/* What a new local event is made from. */
struct draft {
	struct str room;		/* empty for a create of v12 */
	struct str type, sender;
	bool is_state;
	struct str state_key;
	struct json content;
	struct str redacts;
	int64_t ts, depth;
	const struct str *auth, *prev;	/* event ids */
	size_t nauth, nprev;
	struct str server;		/* our name: signs, and makes ids of v1-2 */
	struct str random_id;		/* v1-2: opaque part of the event id */
	int64_t sticky_ms;		/* MSC4354; 0: it is not sticky */
};

/*
 * Builds, hashes and signs an event. ev and *text (canonical, what is stored) live in a.
 * errors  M_TOO_LARGE 413, M_BAD_JSON 400 (content not allowed by the version, a field too long)
 */
bool event_build(struct arena *a, const struct room_version *v, const struct draft *d,
    const struct sign_key *key, struct event *ev, struct str *text, struct err *e) MUST_CHECK;

/*
 * The client's form up to, not including, "unsigned", "room_id" and the closing
 * brace: {"content":...,"event_id":...,"origin_server_ts":...,"sender":...,
 * "type":...[,"state_key":...][,"redacts":...]  (redacts at top level and in
 * content both, as clients of either age expect).
 */
void event_write_client(struct buf *b, const struct event *ev);

#endif
