/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See text.h. A text that lacks a language does not compile away: test_text looks for holes. */
#include "api/oauth/text.h"

#include <assert.h>

static const char *const texts[T_N][LANG_N] = {
	[T_SIGN_IN] = { "Sign in", "Se connecter" },
	[T_SIGN_OUT] = { "Sign out", "Se déconnecter" },
	[T_USER_NAME] = { "User name", "Nom d’utilisateur" },
	[T_PASSWORD] = { "Password", "Mot de passe" },
	[T_NEW_PASSWORD] = { "New password", "Nouveau mot de passe" },
	[T_CURRENT_PASSWORD] = { "Current password", "Mot de passe actuel" },
	[T_REPEAT_PASSWORD] = { "Password again", "Mot de passe, à nouveau" },
	[T_PASSWORD_HINT] = { "Least number of characters:",
	    "Nombre minimal de caractères :" },
	[T_NAME_HINT] = { "Lower-case letters a–z, digits, and . _ = - /",
	    "Lettres minuscules a–z, chiffres, et . _ = - /" },
	[T_TOKEN] = { "Registration token", "Jeton d’inscription" },
	[T_REGISTER] = { "Create an account", "Créer un compte" },
	[T_REGISTER_INSTEAD] = { "No account yet? Create one",
	    "Pas encore de compte ? En créer un" },
	[T_SIGN_IN_INSTEAD] = { "You have an account? Sign in",
	    "Vous avez un compte ? Se connecter" },
	[T_CONTINUE] = { "Continue", "Continuer" },
	[T_CANCEL] = { "Cancel", "Annuler" },
	[T_BACK] = { "Back to the account", "Retour au compte" },
	[T_ALLOW] = { "Allow", "Autoriser" },
	[T_REFUSE] = { "Refuse", "Refuser" },
	[T_SAVE] = { "Save", "Enregistrer" },
	[T_SKIP] = { "Not now", "Plus tard" },
	[T_WRONG_PASSWORD] = { "The user name or the password is wrong.",
	    "Le nom d’utilisateur ou le mot de passe est incorrect." },
	[T_TOO_MANY] = { "Too many attempts. Wait a little and try again.",
	    "Trop de tentatives. Patientez un peu avant de réessayer." },
	[T_NAME_TAKEN] = { "This user name is taken.",
	    "Ce nom d’utilisateur est déjà pris." },
	[T_NAME_BAD] = { "This cannot be a user name here.",
	    "Ce nom d’utilisateur n’est pas accepté ici." },
	[T_PASSWORD_WEAK] = { "The password is too short.",
	    "Le mot de passe est trop court." },
	[T_PASSWORDS_DIFFER] = { "The two passwords differ.",
	    "Les deux mots de passe diffèrent." },
	[T_TOKEN_BAD] = { "The registration token is not valid.",
	    "Le jeton d’inscription n’est pas valable." },
	[T_NO_REGISTRATION] = {
	    "Accounts are made by the administrators of this service.",
	    "Les comptes sont créés par les administrateurs de ce "
	    "service." },
	[T_ACCOUNT_LOCKED] = { "This account is locked. Ask an administrator.",
	    "Ce compte est bloqué. Contactez un administrateur." },
	[T_FORM_OLD] = { "The form was too old. Please try again.",
	    "Le formulaire avait expiré. Veuillez réessayer." },
	[T_ERROR] = { "Error", "Erreur" },
	[T_ERROR_TITLE] = { "This did not work", "Cela n’a pas fonctionné" },
	[T_ERROR_GONE] = { "There is nothing here.", "Il n’y a rien ici." },
	[T_SIGNED_IN_AS] = { "Signed in as", "Connecté en tant que" },
	[T_NOT_YOU] = { "Use another account", "Utiliser un autre compte" },
	[T_CONSENT_TITLE] = { "Allow this application?",
	    "Autoriser cette application ?" },
	[T_CONSENT_INTRO] = { "asks to use your account.",
	    "demande à utiliser votre compte." },
	[T_CONSENT_NAMELESS] = { "An application without a name",
	    "Une application sans nom" },
	[T_CONSENT_CAN] = { "It will be able to:", "Elle pourra :" },
	[T_CONSENT_ALL] = {
	    "read and send messages, and act in your name in all your "
	    "rooms",
	    "lire et envoyer des messages, et agir en votre nom dans "
	    "tous vos salons" },
	[T_CONSENT_DEVICE] = { "appear among your sessions as",
	    "apparaître parmi vos sessions sous le nom" },
	[T_CONSENT_WHERE] = { "You will be sent to", "Vous serez dirigé vers" },
	[T_CONSENT_LOCAL] = { "a program on this device",
	    "un programme sur cet appareil" },
	[T_CONSENT_TERMS] = { "Terms of service", "Conditions d’utilisation" },
	[T_CONSENT_POLICY] = { "Privacy policy",
	    "Politique de confidentialité" },
	[T_CONSENT_REPLACES] = {
	    "You have a session of that name already: this application will "
	    "take its place, and the other is signed out.",
	    "Vous avez déjà une session de ce nom : cette application "
	    "prendra sa place, et l’autre sera déconnectée." },
	[T_CONSENT_WARN] = { "Allow it only if you started this yourself.",
	    "N’autorisez que si vous êtes à l’origine de cette demande." },
	[T_LINK_TITLE] = { "Connect a device", "Connecter un appareil" },
	[T_LINK_INTRO] = { "Type the code that the device shows.",
	    "Saisissez le code affiché par l’appareil." },
	[T_LINK_CODE] = { "Code", "Code" },
	[T_LINK_HINT] = { "Eight letters, such as BCDF-GHJK",
	    "Huit lettres, par exemple BCDF-GHJK" },
	[T_LINK_UNKNOWN] = { "This code is not known, or is too old.",
	    "Ce code est inconnu ou a expiré." },
	[T_LINK_WARN] = {
	    "Allow it only if the device that shows this code is before "
	    "you. Nobody else should ever ask you to do this.",
	    "N’autorisez que si l’appareil qui affiche ce code est "
	    "devant vous. Personne d’autre ne doit vous demander de le "
	    "faire." },
	[T_LINK_DONE] = { "The device is connected. You can go back to it.",
	    "L’appareil est connecté. Vous pouvez y retourner." },
	[T_LINK_REFUSED] = { "The device was refused.",
	    "L’appareil a été refusé." },
	[T_CLOSE] = { "You can close this page.",
	    "Vous pouvez fermer cette page." },
	[T_ACCOUNT] = { "Your account", "Votre compte" },
	[T_PROFILE] = { "Profile", "Profil" },
	[T_DISPLAY_NAME] = { "Name shown to others", "Nom affiché" },
	[T_SESSIONS] = { "Sessions", "Sessions" },
	[T_SESSIONS_INTRO] = { "Where your account is signed in.",
	    "Là où votre compte est connecté." },
	[T_SESSION] = { "Session", "Session" },
	[T_SESSION_NAME] = { "Name", "Nom" },
	[T_LAST_SEEN] = { "Last active", "Dernière activité" },
	[T_NEVER] = { "never", "jamais" },
	[T_FROM_ADDRESS] = { "Address", "Adresse" },
	[T_CLIENT] = { "Application", "Application" },
	[T_SINCE] = { "Signed in", "Connexion" },
	[T_DETAILS] = { "Details", "Détails" },
	[T_NO_SESSIONS] = { "No application is signed in.",
	    "Aucune application n’est connectée." },
	[T_NO_SUCH_SESSION] = {
	    "You have no such session; it may have ended already.",
	    "Cette session n’existe pas ; elle est peut-être déjà "
	    "terminée." },
	[T_SIGN_OUT_SESSION] = { "Sign this session out",
	    "Déconnecter cette session" },
	[T_SIGN_OUT_ASK] = {
	    "This session ends at once. Messages that only it can "
	    "decrypt are lost to you.",
	    "Cette session se termine aussitôt. Les messages qu’elle "
	    "seule peut déchiffrer seront perdus." },
	[T_PASSWORD_CHANGE] = { "Change the password",
	    "Changer le mot de passe" },
	[T_PASSWORD_OTHERS] = { "Sign out all sessions too",
	    "Déconnecter aussi toutes les sessions" },
	[T_DEACTIVATE] = { "End this account", "Fermer ce compte" },
	[T_DEACTIVATE_WARN] = {
	    "The account ends for good: all sessions are signed out, "
	    "every room is left, and the user name can never be used "
	    "again. This cannot be undone.",
	    "Le compte est fermé définitivement : toutes les sessions "
	    "sont déconnectées, tous les salons sont quittés, et le nom "
	    "d’utilisateur ne pourra plus jamais servir. C’est "
	    "irréversible." },
	[T_DEACTIVATE_ERASE] = {
	    "Hide my messages from people who join rooms later",
	    "Masquer mes messages aux personnes qui rejoindront les "
	    "salons plus tard" },
	[T_DEACTIVATE_CONFIRM] = { "Type your user name to confirm",
	    "Saisissez votre nom d’utilisateur pour confirmer" },
	[T_DEACTIVATED] = { "Your account has ended.",
	    "Votre compte est fermé." },
	[T_RESET] = { "Reset your cryptographic identity",
	    "Réinitialiser votre identité cryptographique" },
	[T_RESET_WARN] = {
	    "Allow it only if you have lost every other session and your "
	    "recovery key. All the people who verified you will have to "
	    "do so again. Once you allow it, an application has ten "
	    "minutes to do it.",
	    "N’autorisez que si vous avez perdu toutes vos autres "
	    "sessions et votre clé de récupération. Toutes les personnes "
	    "qui vous ont vérifié devront recommencer. Après votre "
	    "accord, une application a dix minutes pour le faire." },
	[T_RESET_DONE] = {
	    "Go back to your application: it can reset your identity now.",
	    "Retournez à votre application : elle peut maintenant "
	    "réinitialiser votre identité." },
	[T_DONE] = { "Done.", "C’est fait." },
	[T_CONFIRM_TITLE] = { "Confirm that it is you",
	    "Confirmez que c’est vous" },
	[T_CONFIRM_INTRO] = { "Your last sign-in was some time ago.",
	    "Votre dernière connexion date un peu." },
	[T_SECOND] = { "Second factor", "Second facteur" },
	[T_SECOND_INTRO] = { "The password alone is not enough for this account.",
	    "Le mot de passe seul ne suffit pas pour ce compte." },
	[T_SECOND_NONE] = {
	    "The password alone opens this account. A second factor "
	    "protects it if the password is stolen.",
	    "Le mot de passe seul ouvre ce compte. Un second facteur le "
	    "protège si le mot de passe est volé." },
	[T_CODE] = { "Code", "Code" },
	[T_CODE_HINT] = { "Six digits from your application, or a recovery code",
	    "Six chiffres de votre application, ou un code de secours" },
	[T_CODE_WRONG] = { "The code is wrong, or was used before.",
	    "Le code est incorrect, ou a déjà servi." },
	[T_TOTP] = { "One-time codes", "Codes à usage unique" },
	[T_TOTP_ADD] = { "Set up one-time codes",
	    "Configurer des codes à usage unique" },
	[T_TOTP_INTRO] = {
	    "Scan the code with an authenticator application, or enter the "
	    "key in it, then type the code that it shows.",
	    "Scannez le code avec une application d’authentification, ou "
	    "saisissez-y la clé, puis tapez le code qu’elle affiche." },
	[T_TOTP_SECRET] = { "Key", "Clé" },
	[T_TOTP_QR] = { "The key as a QR code", "La clé sous forme de code QR" },
	[T_TOTP_LINK] = { "Open it in an application on this device",
	    "L’ouvrir dans une application sur cet appareil" },
	[T_TOTP_ON] = { "One-time codes are asked for at each sign-in.",
	    "Un code à usage unique est demandé à chaque connexion." },
	[T_TOTP_REMOVE] = { "Stop asking for one-time codes",
	    "Ne plus demander de code à usage unique" },
	[T_RECOVERY] = { "Recovery codes", "Codes de secours" },
	[T_RECOVERY_INTRO] = {
	    "Keep these in a safe place: each opens the account once, "
	    "without the application. They are shown only now.",
	    "Conservez-les en lieu sûr : chacun ouvre le compte une "
	    "fois, sans l’application. Ils ne sont affichés que "
	    "maintenant." },
	[T_RECOVERY_NEW] = { "Make new recovery codes",
	    "Créer de nouveaux codes de secours" },
	[T_PASSKEYS] = { "Passkeys", "Clés d’accès" },
	[T_PASSKEY_ADD] = { "Add a passkey", "Ajouter une clé d’accès" },
	[T_PASSKEY_NAME] = { "A name for it", "Un nom pour elle" },
	[T_PASSKEY_USE] = { "Use a passkey", "Utiliser une clé d’accès" },
	[T_PASSKEY_REMOVE] = { "Remove this passkey",
	    "Retirer cette clé d’accès" },
	[T_PASSKEY_FAILED] = { "The passkey was not accepted.",
	    "La clé d’accès n’a pas été acceptée." },
	[T_PASSKEY_SCRIPT] = {
	    "Passkeys need JavaScript; all else here works without.",
	    "Les clés d’accès nécessitent JavaScript ; tout le reste "
	    "fonctionne sans." },
	[T_PASSKEY_WAIT] = { "Follow what your browser says.",
	    "Suivez les indications de votre navigateur." },
	[T_SIGN_IN_WITH] = { "Continue with", "Continuer avec" },
	[T_UPSTREAM_FAILED] = { "The other service did not sign you in.",
	    "L’autre service ne vous a pas connecté." },
	[T_UPSTREAM_REFUSED] = {
	    "No account here belongs to that sign-in. Ask an "
	    "administrator.",
	    "Aucun compte d’ici ne correspond à cette connexion. "
	    "Contactez un administrateur." },
	[T_SECURITY] = { "Security", "Sécurité" },
	[T_UIA_TITLE] = { "Allow a change?", "Autoriser un changement ?" },
	[T_UIA_INTRO] = { "An application asks to do this to your account:",
	    "Une application demande à faire ceci sur votre compte :" },
	[T_UIA_LOGIN] = { "Sign another device in",
	    "Connecter un autre appareil" },
	[T_UIA_OTHER] = { "Change something that matters",
	    "Modifier un réglage important" },
	[T_LANGUAGE] = { "Language", "Langue" },
	[T_SKIP_TO_MAIN] = { "Skip to the content", "Aller au contenu" },
};

const char *
text_of(enum lang lang, enum text text)
{
	assert(lang < LANG_N && text > 0 && text < T_N);
	assert(texts[text][lang] != NULL);
	return texts[text][lang];
}

const char *
lang_code(enum lang lang)
{
	return lang == LANG_FR ? "fr" : "en";
}

const char *
lang_name(enum lang lang)
{
	return lang == LANG_FR ? "Français" : "English";
}

bool
lang_find(struct str code, enum lang *out)
{
	for (unsigned i = 0; i < LANG_N; i++)
		if (str_eq_nocase(code, str_c(lang_code((enum lang)i)))) {
			*out = (enum lang)i;
			return true;
		}
	return false;
}

/* Thousandths of ";q=0.8"; 1000 without. */
static int
quality(struct str params)
{
	struct str value;
	int q = 0, place = 100;

	params = str_trim(params);
	if (!str_starts(params, S("q=")))
		return 1000;
	value = str_from(params, 2);
	if (value.n > 0 && value.p[0] == '1')
		return 1000;
	for (size_t i = 2; i < value.n && i < 5; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			break;
		q += (value.p[i] - '0') * place;
		place /= 10;
	}
	return q;
}

enum lang
lang_pick(struct str accept)
{
	enum lang best = LANG_EN, lang;
	struct str item, rest = accept, tag, params, primary, region;
	int best_q = 0, q;
	bool more;

	do {
		more = str_cut(rest, ',', &item, &rest);
		str_cut(item, ';', &tag, &params);
		str_cut(str_trim(tag), '-', &primary, &region);
		q = quality(params);
		if (lang_find(primary, &lang) && q > best_q) {
			best = lang;
			best_q = q;
		}
	} while (more);
	return best;
}
