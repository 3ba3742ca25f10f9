/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The words of the pages: none is missing in a language, and which language is picked. */
#include "unit.h"

#include "api/oauth/text.h"

static void
test_every_text_has_every_language(void **state)
{
	(void)state;
	for (unsigned t = 1; t < T_N; t++)
		for (unsigned l = 0; l < LANG_N; l++) {
			struct str s = str_c(text_of((enum lang)l,
			    (enum text)t));

			if (s.n == 0 || !str_utf8_ok(s))
				fail_msg("text %u in %s", t,
				    lang_code((enum lang)l));
		}
}

static void
test_the_language_that_is_asked_for(void **state)
{
	static const struct {
		const char *accept;
		enum lang want;
	} cases[] = {
		{ "", LANG_EN }, { "fr", LANG_FR }, { "FR-ca", LANG_FR },
		{ "de, fr;q=0.5", LANG_FR }, { "fr;q=0.5, en", LANG_EN },
		{ "fr;q=0.9,en;q=0.8", LANG_FR }, { "fr;q=0", LANG_EN },
		{ "en;q=0.001, fr;q=0.01", LANG_FR }, { "fr , en", LANG_FR },
		{ ";;q=,,fr;q", LANG_FR }, { "fr;q=1.0, en;q=1.0", LANG_FR },
		{ "french", LANG_EN }, { "*", LANG_EN },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		if (lang_pick(str_c(cases[i].accept)) != cases[i].want)
			fail_msg("%s", cases[i].accept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_text_has_every_language),
		cmocka_unit_test(test_the_language_that_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
