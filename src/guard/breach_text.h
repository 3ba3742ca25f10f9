/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The breach report's words, in the languages it is printed in. */
#ifndef GUARD_BREACH_TEXT_H
#define GUARD_BREACH_TEXT_H

/* name, English, French */
#define BREACH_TEXTS(X) \
	X(T_TITLE, "Report on a breach of personal data", "Rapport de violation de données à caractère personnel") \
	X(T_ACCOUNT, "Account", "Compte") \
	X(T_PERIOD, "Period", "Période") \
	X(T_MADE, "Made on", "Établi le") \
	X(T_SERVER, "Server", "Serveur") \
	X(T_NOTICE, "Notification to the supervisory authority (GDPR, article 33)", \
	    "Notification à l'autorité de contrôle (RGPD, article 33)") \
	X(T_NATURE, "Nature of the breach", "Nature de la violation") \
	X(T_NATURE_IS, "Breach of confidentiality: the account above was shown the data listed in this report.", \
	    "Violation de confidentialité : le compte ci-dessus a reçu les données énumérées dans ce rapport.") \
	X(T_PEOPLE_N, "People concerned, approximate number", "Personnes concernées, nombre approximatif") \
	X(T_PEOPLE_CAT, "Categories of people", "Catégories de personnes") \
	X(T_PEOPLE_CAT_IS, "Users of the messaging service: authors of messages, people whose profile or name was shown", \
	    "Utilisateurs de la messagerie : auteurs de messages, personnes dont le profil ou le nom a été montré") \
	X(T_RECORDS_N, "Records concerned, approximate number", "Enregistrements concernés, nombre approximatif") \
	X(T_CLEAR, "Messages and other events in clear", "Messages et autres événements en clair") \
	X(T_CIPHER, "Messages encrypted end to end (ciphertext)", "Messages chiffrés de bout en bout (texte chiffré)") \
	X(T_STATE, "Names, topics and memberships of rooms", "Noms, sujets et membres de salons") \
	X(T_FILES, "Files", "Fichiers") \
	X(T_PROFILES, "Profiles", "Profils") \
	X(T_LISTED, "Rows of the room directory", "Lignes de l'annuaire des salons") \
	X(T_DEVICES, "Lists of devices", "Listes d'appareils") \
	X(T_KEYS, "Backed-up room keys", "Clés de salon sauvegardées") \
	X(T_CONSEQ, "Likely consequences", "Conséquences probables") \
	X(T_CONSEQ_CLEAR, "What was in clear can be read and spread by whoever held the account.", \
	    "Ce qui était en clair peut être lu et diffusé par qui tenait le compte.") \
	X(T_CONSEQ_CIPHER, "What was encrypted can be read only with keys that this server does not hold.", \
	    "Ce qui était chiffré n'est lisible qu'avec des clés que ce serveur ne détient pas.") \
	X(T_MEASURES, "Measures taken", "Mesures prises") \
	X(T_NO_MEASURES, "The account is not contained and has not been.", "Le compte n'est pas confiné et ne l'a pas été.") \
	X(T_CONTAINED, "contained by", "confiné par") \
	X(T_RELEASED, "released", "levé") \
	X(T_CONTACT, "Data protection officer (to be filled in)", "Délégué à la protection des données (à remplir)") \
	X(T_SESSIONS, "Sessions", "Sessions") \
	X(T_DEVICE, "Device", "Appareil") \
	X(T_ADDRESS, "Address", "Adresse") \
	X(T_AGENT, "Program", "Programme") \
	X(T_FIRST, "First", "Début") \
	X(T_LAST, "Last", "Fin") \
	X(T_REPLIES, "Replies", "Réponses") \
	X(T_ROOMS, "Rooms", "Salons") \
	X(T_ROOM, "Room", "Salon") \
	X(T_EVENTS, "Events", "Événements") \
	X(T_ENCRYPTED, "encrypted", "chiffré") \
	X(T_IN_CLEAR, "in clear", "en clair") \
	X(T_FROM_TO, "Written between", "Écrits entre") \
	X(T_AUTHORS, "Authors", "Auteurs") \
	X(T_NAME, "Name", "Nom") \
	X(T_SIZE, "Bytes", "Octets") \
	X(T_SENDER, "Sent by", "Envoyé par") \
	X(T_SEARCHES, "Searches for people", "Recherches de personnes") \
	X(T_DIRECTORY, "Room directory: what was asked", "Annuaire des salons : ce qui a été demandé") \
	X(T_WHAT, "What", "Quoi") \
	X(T_TIMES, "Times", "Fois") \
	X(T_TELL, "People to tell", "Personnes à prévenir") \
	X(T_TELL_OWNERS, "Owners of the rooms", "Responsables des salons") \
	X(T_ABSENT, "Looked for", "Recherché") \
	X(T_WAS_READ, "was shown", "a été montré") \
	X(T_NOT_READ, "was not shown: no record of this period names it", \
	    "n'a pas été montré : aucun enregistrement de la période ne le nomme") \
	X(T_PROOF, "What this report rests on", "Ce sur quoi repose ce rapport") \
	X(T_PROOF_IS, "The record of what was read, up to this signed checkpoint. Check this file with: beffroi report --check FILE", \
	    "Le registre des lectures, jusqu'à ce point de contrôle signé. Pour vérifier ce fichier : beffroi report --check FICHIER") \
	X(T_NONE, "None", "Aucun")

enum breach_text {
#define X(name, en, fr) name,
	BREACH_TEXTS(X)
#undef X
	T_COUNT
};

#endif
