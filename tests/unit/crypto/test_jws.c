/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* JSON Web Signatures: which are believed, and why others are not. */
#include "unit.h"

#include "base/arena.h"
#include "crypto/jws.h"

/* Made for this test by software of another kind; the private keys were not kept. */
#define P256 \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"VvHCV-ffovhrnTmMZZ" \
	"YzTWavk0eIEQ4TdbHirW9H_xc\",\"y\":\"cIuX8azDanQNsgwNAm-G8VeC" \
	"JSGMem-FImW-NcXeZvY\",\"kid\":\"p\"}"
#define RSA2048 \
	"{\"kty\":\"RSA\",\"n\":\"x6ClQK34cRO2bafmj-li4DsiWz0uwiT5PCX" \
	"K5OfFUfIK5Yv7CVoOD3hz193QjeAzq-TURsaGCwHBj3nYyXhFZKjHX--KTdj" \
	"UQBBUEMcabplw4U1S5zuHAideQYdTGtC6mfTyDKk8hRlIl47Y4XruGW0a3cR" \
	"sa_pHXF5fugMUhkPybk9B203cXPO5_x2zLnJVa_pKlGexEDY9R-iJ9BMbBms" \
	"0QVyq-NCSNenr5Amvphw1ejIKGjcL96ZgAe5PSsKRURuCY3Q4Bn_WhxcYEGR" \
	"-66evqVyhKSBcQQ8qznLlrH0hv8OHhIBRq35CmfA8sZ2z5skfdYVLJ2dpTuG" \
	"JmrGN5Q\",\"e\":\"AQAB\",\"kid\":\"r\",\"alg\":\"RS256\"}"
#define RSA1024 \
	"{\"kty\":\"RSA\",\"n\":\"rFQFEgfYkpRZOG885mntV_PWToE25zD9wil" \
	"n6jaGybak2lMEmX_ElIXfGBsxyw0tQZeQIHTay9qWv2fgiyqo6jXIfIPd6oY" \
	"EbNue41_7P6Nh6OdLK-pFD3QCspFG4aALNH7Mug-7mCk5n3IBmr6F4wf3BL3" \
	"VfkhS3kvXh6aIuMU\",\"e\":\"AQAB\",\"kid\":\"s\",\"alg\":\"RS" \
	"256\"}"
#define BY_P256 \
	"eyJhbGciOiAiRVMyNTYiLCAia2lkIjogInAifQ.eyJhIjogMX0._XF-9KTJ9" \
	"TP2e9sYR9ikGRxGlWePJMrMv55zw1zPeiHCU474Qf9-atxeIR2XEmMiLmYWR" \
	"iUnAr9IOu57rxqDXA"
#define BY_RSA \
	"eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIifQ.eyJhIjogMX0.h5XkDvFW-" \
	"dlT8fVky907kL9FFRyAqBsaTnSqGdZogIQe7ldJcV0uSNwBH2VBTwl2kl51C" \
	"TaSPk4tNQTgiMw2G3_VJM-HLifByywa-YPp1iiFzU1qxnsHwKPnr35Rzlvcq" \
	"M6kgkx5dWmrZs8S5xrJKVwV6ObZme0pVsWRNonS-elyHUgAp8ZVrvhkmtWzx" \
	"PDVtLPwFDF6t4Ch_bUHj4aE94I8-on9woetrDgpFpeHrakVJtC0FC6gqAucb" \
	"3e0iU-se5ecqYmPArGM-73H-3GT5yEDam-SpCqT9YiqLuRgHfkHZxls11de8" \
	"2hs-5VCSdGcYMjhEvAdbaO1pmsTfxXATg"
#define BY_1024 \
	"eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInMifQ.eyJhIjogMX0.KzuI-AdNL" \
	"X-PzkJQtS4mIIGNXv_qkIjK9gN4IReV5deDK382xSUu8ZFpQ0czSCC9L7Kbf" \
	"g4MD8TSrjkx0RrB078AHX8KD8LDDdEwjR9Ta28D3_xjlvR517GmN3dvXgOq_" \
	"ii6njwBQCkIIilYchsjG7cqeCFwEO56E2eQPDwHiFg"
#define NAMELESS \
	"eyJhbGciOiAiRVMyNTYifQ.eyJhIjogMX0.Nyy3fMKm2_eM12DSsy5EINsce" \
	"IL_h0eygoNv3iLetQ4KLUNLqs19Rf6b4RjCfxgLuRoOr77l6b31eFQuloRFS" \
	"g"
#define CRITICAL \
	"eyJhbGciOiAiRVMyNTYiLCAia2lkIjogInAiLCAidHlwIjogIkpXVCIsICJj" \
	"cml0IjogWyJleHAiXX0.eyJhIjogMX0.ah5sghM9vnu-ZyYuwmPOwa7oHBYg" \
	"FpHt0SBy-NS8e3HsKL9ThACTTLjQj8zs5wT9QWRNq0jfn32MGxUbnLrFkQ"
#define CHANGED \
	"eyJhbGciOiAiRVMyNTYiLCAia2lkIjogInAifQ.eyJhIjogMn0.znzqrVHsg" \
	"gEJJL8Mkq2Kkd9vsmrB_3_1G3QQZyvFjx7E76fgPc8iGqSAP1Ki-wR20a88o" \
	"Oh5XLstv4KjSXZ1qw"
#define NO_ALG \
	"eyJhbGciOiJub25lIn0.eyJhIjogMX0."

static void
test_tokens(void **state)
{
	static const struct {
		const char *name, *token, *keys;
		enum jws_result want;
	} cases[] = {
		{ "ES256", BY_P256, P256, JWS_OK },
		{ "RS256", BY_RSA, RSA2048, JWS_OK },
		{ "one key of several", BY_P256, RSA2048 "," P256, JWS_OK },
		{ "no name of a key", NAMELESS, P256, JWS_OK },
		{ "the key is not there", BY_P256, RSA2048, JWS_NO_KEY },
		{ "no keys", BY_P256, "", JWS_NO_KEY },
		{ "too short a key", BY_1024, RSA1024, JWS_NO_KEY },
		{ "other claims", CHANGED, P256, JWS_FORGED },
		{ "no algorithm", NO_ALG, P256, JWS_MALFORMED },
		{ "a header that must be known", CRITICAL, P256,
		    JWS_MALFORMED },
		{ "no signature", "e30.e30.", P256, JWS_MALFORMED },
		{ "two parts", "e30.e30", P256, JWS_MALFORMED },
		{ "nothing", "", P256, JWS_MALFORMED },
		{ "more than three parts", BY_P256 ".x", P256,
		    JWS_MALFORMED },
	};
	struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct str text = str_fmt(a, "{\"keys\":[%s]}",
		    cases[i].keys);
		struct err e = { .code = M_OK };
		struct json keys, claims;
		int64_t n = 0;

		assert_true(json_parse(a, text, JSON_ANY, &keys, &e));
		if (jws_check(a, str_c(cases[i].token), &keys, &claims) !=
		    cases[i].want)
			fail_msg("%s", cases[i].name);
		if (cases[i].want == JWS_OK)
			assert_true(json_get_int(&claims, S("a"), &n) &&
			    n == 1);
	}
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
